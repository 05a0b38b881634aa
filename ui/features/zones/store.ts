import { create } from "zustand";
import type { Draft } from "@/lib/areas";

interface Drawings {
  /** what someone has drawn and not yet put into config.yaml, by camera; it outlives a look at another page */
  drafts: Record<string, Draft[]>;
  set: (camera: string, drafts: Draft[] | undefined) => void;
}

export const useDrawings = create<Drawings>((set) => ({
  drafts: {},
  set: (camera, drafts) =>
    set((s) => {
      const others = Object.fromEntries(Object.entries(s.drafts).filter(([id]) => id !== camera));
      return { drafts: drafts ? { ...others, [camera]: drafts } : others };
    }),
}));
