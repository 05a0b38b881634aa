"use client";
import { useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { Dialog } from "@/components/ui/dialog";
import { FacePicture } from "@/components/FacePicture";
import { sentence } from "@/lib/api/errors";
import type { Suggestion } from "@/lib/api/face-types";
import { cn } from "@/lib/cn";
import { count, similarityText } from "@/lib/faces";
import { personsQuery, type Who } from "@/lib/queries/faces";

export type { Who };

interface WhoDialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** what is named: pictures, or a sentence */
  children?: ReactNode;
  /** stands first */
  suggestion?: Suggestion;
  /** somebody it cannot be */
  except?: string;
  /** The dialog closes when this is done, and stays with the server's sentence where it is refused. */
  onChoose: (who: Who) => Promise<unknown>;
}

/** Whose face is it? One field: a few letters find a person, a name that nobody has makes a new one. */
export function WhoDialog({ open, onClose, title, children, ...rest }: WhoDialogProps) {
  return (
    <Dialog open={open} onOpenChange={(next) => !next && onClose()} title={title} className="sm:max-w-md">
      {children}
      <Choice onClose={onClose} {...rest} />
    </Dialog>
  );
}

interface Option {
  who: Who;
  cover?: string;
  note: string;
}

function Choice({ onClose, suggestion, except, onChoose }: Omit<WhoDialogProps, "open" | "title" | "children">) {
  const persons = useQuery(personsQuery());
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const id = useId();
  const name = text.trim();
  const known = (persons.data ?? []).filter((p) => p.id !== except);
  const found = known
    .filter((p) => p.name.toLocaleLowerCase().includes(name.toLocaleLowerCase()))
    .sort((a, b) => Number(b.id === suggestion?.person_id) - Number(a.id === suggestion?.person_id) || a.name.localeCompare(b.name));
  const options: Option[] = found.map((p) => ({
    who: { id: p.id, name: p.name },
    cover: p.cover,
    note: p.id === suggestion?.person_id && suggestion ? `Perhaps: ${similarityText(suggestion.similarity)}` : count(p.faces, "face"),
  }));
  const taken = (persons.data ?? []).some((p) => p.name.toLocaleLowerCase() === name.toLocaleLowerCase());
  if (name && !taken) options.push({ who: { name }, note: "New person" });
  const active = Math.min(at, options.length - 1);

  const choose = (who: Who) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    onChoose(who)
      .then(onClose, setError)
      .finally(() => setBusy(false));
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      event.preventDefault();
      setAt((active + step + options.length) % options.length);
    }
    const chosen = options[active];
    if (event.key === "Enter" && chosen) {
      event.preventDefault();
      choose(chosen.who);
    }
    event.stopPropagation(); // arrow keys around this dialog mean something else
  };

  return (
    <div className="px-4 py-3" aria-busy={busy}>
      <input
        autoFocus
        role="combobox"
        aria-label="Name"
        aria-expanded={options.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={options.length > 0 ? `${id}-${active}` : undefined}
        autoComplete="off"
        autoCapitalize="words"
        spellCheck={false}
        maxLength={64}
        placeholder={known.length > 0 ? "Find a person, or type a new name" : "Type a name"}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
        className="h-control w-full rounded-md border border-line bg-bg px-2.5 max-sm:text-[16px]"
      />
      {error !== undefined && (
        <p role="alert" className="mt-2 text-alert">
          {sentence(error)}
        </p>
      )}
      {persons.isError && !persons.data && (
        <p role="alert" className="mt-2 text-alert">
          {sentence(persons.error)}
        </p>
      )}
      <ul id={`${id}-list`} role="listbox" aria-label="Persons" className="mt-2 max-h-72 min-h-11 overflow-y-auto">
        {options.map((option, i) => (
          <li
            key={option.who.id ?? "new"}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === active}
            ref={(element) => {
              if (i === active) element?.scrollIntoView?.({ block: "nearest" });
            }}
            onPointerMove={() => setAt(i)}
            onClick={() => choose(option.who)}
            className={cn("flex min-h-11 cursor-pointer items-center gap-2.5 rounded-md px-2 py-1", i === active && "bg-overlay")}
          >
            {option.who.id ? (
              <FacePicture url={option.cover} alt="" className="size-9" />
            ) : (
              <span className="grid size-9 place-items-center rounded-md bg-accent/10 text-accent">
                <UserPlus className="size-4" aria-hidden />
              </span>
            )}
            <span className="min-w-0 flex-1 truncate font-medium">{option.who.name}</span>
            <span className="shrink-0 text-xs text-muted">{option.note}</span>
          </li>
        ))}
        {options.length === 0 && persons.data && (
          <li role="presentation" className="px-2 py-2.5 text-muted">
            {name && taken ? "It is taken to be this person already." : "Nobody is in the library yet. Type a name."}
          </li>
        )}
      </ul>
    </div>
  );
}
