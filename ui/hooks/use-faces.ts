"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { faceStatusQuery, personsQuery, refetchNamed } from "@/lib/queries/faces";
import { useBootstrap } from "./use-bootstrap";

export function useFaceStatus() {
  return useQuery(faceStatusQuery());
}

export function usePersons() {
  return useQuery(personsQuery());
}

/** Changes of the library are an administrator's. */
export function useMayName(): boolean {
  return useBootstrap().data?.user.role === "admin";
}

/** Brings every page up to date after the library has changed. */
export function useNamed(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(() => refetchNamed(client), [client]);
}
