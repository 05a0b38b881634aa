"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { modeName } from "@/lib/alerts";
import { sentence } from "@/lib/api/errors";
import type { Mode } from "@/lib/api/types";
import { cancelMode, modeQuery, putMode, setMode } from "@/lib/queries/alerts";
import { useToasts } from "./use-toasts";

/** The arming mode and how to change it: shown at once, taken back with the server's reason if refused. */
export function useMode() {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const query = useQuery(modeQuery());
  const change = useMutation({
    mutationFn: setMode,
    onMutate: async (mode: Mode) => {
      await cancelMode(client);
      return putMode(client, mode);
    },
    onSuccess: (mode) => putMode(client, mode),
    onError: (error, mode, before) => {
      putMode(client, before);
      show(`${modeName(mode)} was not set: ${sentence(error)}`, "alert");
    },
  });
  return { mode: query.data, change };
}
