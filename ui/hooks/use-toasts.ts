import { create } from "zustand";

export interface Toast {
  id: number;
  text: string;
  tone: "neutral" | "alert";
  /** where one can see more; an address of ours */
  link?: { href: string; label: string };
  /** 0 to 1 while something goes on; such a message stays until it is changed or dismissed */
  progress?: number;
}

interface Toasts {
  toasts: Toast[];
  show: (text: string, tone?: Toast["tone"], more?: Pick<Toast, "link" | "progress">) => number;
  /** Changes a message that is still there; without progress it then goes away by itself. */
  update: (id: number, change: Partial<Omit<Toast, "id">>) => void;
  dismiss: (id: number) => void;
}

const LIFETIME_MS = 6_000;
let next = 1;

/** Short messages about what just happened; failures of a change appear here with the server's sentence. */
export const useToasts = create<Toasts>((set, get) => {
  const expire = (toast: Toast) => {
    if (toast.progress === undefined) setTimeout(() => get().dismiss(toast.id), LIFETIME_MS);
  };
  return {
    toasts: [],
    show: (text, tone = "neutral", more = {}) => {
      const toast: Toast = { id: next++, text, tone, ...more };
      set((s) => ({ toasts: [...s.toasts.slice(-2), toast] }));
      expire(toast);
      return toast.id;
    },
    update: (id, change) => {
      const old = get().toasts.find((t) => t.id === id);
      if (!old) return;
      const toast = { ...old, ...change };
      set((s) => ({ toasts: s.toasts.map((t) => (t.id === id ? toast : t)) }));
      if (old.progress !== undefined) expire(toast);
    },
    dismiss: (id) => set((s) => ({ toasts: s.toasts.filter((t) => t.id !== id) })),
  };
});
