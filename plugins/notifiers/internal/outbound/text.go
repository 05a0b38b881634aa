package outbound

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// FitUTF16 shortens s to at most limit UTF-16 code units, which is how chats count, and shows by "…" that it did.
func FitUTF16(s string, limit int) string {
	if UTF16Len(s) <= limit {
		return s
	}
	return cut(s, limit, func(r rune) int { return max(utf16.RuneLen(r), 1) }, 1)
}

// UTF16Len counts UTF-16 code units.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// FitBytes shortens s to at most limit bytes of UTF-8, never inside a character.
func FitBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return cut(s, limit, func(r rune) int { return max(utf8.RuneLen(r), 1) }, len("…"))
}

// cut keeps what fits beside the ellipsis, whose length in the same units is given.
func cut(s string, limit int, size func(rune) int, ellipsis int) string {
	left := limit - ellipsis
	if left < 0 {
		return ""
	}
	for i, r := range s {
		if left -= size(r); left < 0 {
			return strings.TrimRightFunc(s[:i], func(r rune) bool { return r == ' ' || r == '\n' }) + "…"
		}
	}
	return s
}

// OneLine makes a header or a title of s: line breaks and other controls become spaces.
func OneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
}
