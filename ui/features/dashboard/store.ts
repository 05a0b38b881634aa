import { create } from "zustand";
import { createJSONStorage, persist } from "zustand/middleware";
import { storageKey } from "@/lib/base";

export type Columns = "auto" | "1" | "2" | "3" | "4";

interface DashboardPrefs {
  columns: Columns;
  setColumns: (columns: Columns) => void;
}

/** How this browser likes its grid. */
export const useDashboardPrefs = create<DashboardPrefs>()(
  persist((set) => ({ columns: "auto", setColumns: (columns) => set({ columns }) }), {
    name: "dashboard",
    // The prefix of storage keys is known in the browser only, after this module was loaded for the export.
    storage: createJSONStorage(() => ({
      getItem: (name) => localStorage.getItem(storageKey(name)),
      setItem: (name, value) => localStorage.setItem(storageKey(name), value),
      removeItem: (name) => localStorage.removeItem(storageKey(name)),
    })),
    skipHydration: true,
  }),
);
