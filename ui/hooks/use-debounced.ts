"use client";
import { useEffect, useState } from "react";

/** The value once it has not changed for a while; `value` must keep its identity while it is the same. */
export function useDebounced<T>(value: T, ms: number): T {
  const [held, setHeld] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setHeld(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return held;
}
