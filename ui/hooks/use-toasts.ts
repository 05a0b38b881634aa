import { create } from "zustand";

export interface Toast {
  id: number;
  text: string;
  tone: "neutral" | "alert";
}

interface Toasts {
  toasts: Toast[];
  show: (text: string, tone?: Toast["tone"]) => void;
  dismiss: (id: number) => void;
}

const LIFETIME_MS = 6_000;
let next = 1;

/** Short messages about what just happened; failures of a change appear here with the server's sentence. */
export const useToasts = create<Toasts>((set, get) => ({
  toasts: [],
  show: (text, tone = "neutral") => {
    const id = next++;
    set((s) => ({ toasts: [...s.toasts.slice(-2), { id, text, tone }] }));
    setTimeout(() => get().dismiss(id), LIFETIME_MS);
  },
  dismiss: (id) => set((s) => ({ toasts: s.toasts.filter((t) => t.id !== id) })),
}));
