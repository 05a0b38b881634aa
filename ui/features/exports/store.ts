import { create } from "zustand";

interface Watched {
  /** id of an export that was started here → id of its message */
  jobs: Record<string, number>;
  watch: (job: string, toast: number) => void;
  forget: (job: string) => void;
}

/** Exports that this page started: their progress is told wherever one is. */
export const useWatched = create<Watched>((set) => ({
  jobs: {},
  watch: (job, toast) => set((s) => ({ jobs: { ...s.jobs, [job]: toast } })),
  forget: (job) =>
    set((s) => {
      const jobs = { ...s.jobs };
      delete jobs[job];
      return { jobs };
    }),
}));
