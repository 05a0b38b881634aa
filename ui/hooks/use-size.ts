"use client";
import { type RefObject, useLayoutEffect, useState } from "react";

/** Inner size of an element in CSS pixels, [0, 0] before it is known. */
export function useSize(ref: RefObject<HTMLElement | null>): [number, number] {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize([element.clientWidth, element.clientHeight]));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}
