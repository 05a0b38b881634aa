"use client";
import { type RefObject, useLayoutEffect, useState } from "react";

/**
 * Inner size of an element in CSS pixels, [0, 0] before it is known. An observer tells of a change a frame late; where `content`
 * changes what is around it as well, the size is read before that is painted.
 */
export function useSize(ref: RefObject<HTMLElement | null>, content?: unknown): [number, number] {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize([element.clientWidth, element.clientHeight]));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element) setSize((held) => (held[0] === element.clientWidth && held[1] === element.clientHeight ? held : [element.clientWidth, element.clientHeight]));
  }, [ref, content]);
  return size;
}
