import { create } from "zustand";

export interface Activity {
  motion?: boolean;
  /** objects in the picture now, by label */
  counts?: Record<string, number>;
}

interface MotionStore {
  cameras: Record<string, Activity>;
  set: (camera: string, change: Activity) => void;
  /** Forgets it all, as what was said last may not hold any more. */
  clear: () => void;
}

/** What moves in front of each camera right now, as the socket tells it; tiles select their own camera. */
export const useMotion = create<MotionStore>((set) => ({
  cameras: {},
  set: (camera, change) => set((s) => ({ cameras: { ...s.cameras, [camera]: { ...s.cameras[camera], ...change } } })),
  clear: () => set({ cameras: {} }),
}));
