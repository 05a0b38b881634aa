// Package crash holds the tests of what is left after the worst: every file operation fails once, the power goes at any of
// them, the process is killed again and again, a disk's image is copied while it is written. It owns no code of the
// recorder. Set NIGHTJAR_SLOW=1 for the long versions, which `make crash` does.
package crash
