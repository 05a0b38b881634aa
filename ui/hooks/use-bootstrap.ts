"use client";
import { useQuery } from "@tanstack/react-query";
import { bootstrapQuery } from "@/lib/queries/cameras";

/** Cameras, labels, detector, signed-in user: loaded once, kept up to date by the socket. */
export function useBootstrap() {
  return useQuery(bootstrapQuery());
}

export function useCameraName(): (id: string) => string {
  const cameras = useBootstrap().data?.cameras;
  return (id) => cameras?.find((c) => c.id === id)?.name ?? id;
}
