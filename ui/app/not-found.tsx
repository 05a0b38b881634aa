import Link from "next/link";

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-items-center p-6 text-center">
      <div>
        <h1 className="text-xl font-semibold">There is nothing at this address</h1>
        <p className="mt-1 text-muted">It may have been moved, or the link is incomplete.</p>
        <Link href="/" prefetch={false} className="mt-4 inline-block rounded-md bg-accent px-4 py-2 font-medium text-on-accent">
          Go to the live view
        </Link>
      </div>
    </main>
  );
}
