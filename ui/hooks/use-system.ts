"use client";
import { useQuery } from "@tanstack/react-query";
import { systemQuery } from "@/lib/queries/system";

export function useSystem() {
  return useQuery(systemQuery());
}
