package library

import "io"

// JournalPath returns where the journal of day lies below the recordings directory.
func JournalPath(day Day) string { return journalPath(day) }

// ReadLines is Read for a copy of day's journal, such as the archive's.
func ReadLines(day Day, r io.Reader, fn func(Line) error) (damaged int, err error) {
	_, damaged, err = readLines(day, r, 0, fn)
	return damaged, err
}
