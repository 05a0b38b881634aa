package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestPasswordHash(t *testing.T) {
	h, err := HashPassword("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for pw, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false, strings.Repeat("x", 500): false} {
		if got, err := checkPassword(h, pw); err != nil || got != want {
			t.Errorf("%q: %v, %v", pw, got, err)
		}
	}
	if _, err := HashPassword("short"); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("a short password is taken: %v", err)
	}
	for _, bad := range []string{"", "$argon2id$v=19$m=1,t=0,p=1$AA$AA", "$argon2id$v=19$m=99999999,t=1,p=1$AA$AA", "$2a$10$x", "$argon2id$v=19$m=8,t=1,p=1$!$!"} {
		if ok, err := checkPassword(bad, "x"); ok || err == nil {
			t.Errorf("hash %q: %v, %v", bad, ok, err)
		}
	}
	if ok, err := checkPassword(noUserHash, "anything"); ok || err != nil {
		t.Errorf("the hash for unknown names: %v, %v", ok, err)
	}
}

func TestVerifyTakesOnlyOurTokens(t *testing.T) {
	s, key := New(nil, ""), []byte(strings.Repeat("k", 32))
	if _, err := s.Verify("x"); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("before Init: %v", err)
	}
	s.key.Store(&key)
	good, err := s.session(nvr.User{ID: "u", Name: "ann", Role: RoleViewer}, "r", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Verify(good.AccessToken)
	if err != nil || id != (Identity{UserID: "u", Name: "ann", Role: RoleViewer}) {
		t.Fatalf("%+v, %v", id, err)
	}
	reg := jwt.RegisteredClaims{Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "u", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Minute))}
	sign := func(m jwt.SigningMethod, key any, c jwt.RegisteredClaims) string {
		tok, err := jwt.NewWithClaims(m, claims{RegisteredClaims: c, Role: RoleAdmin}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	expired, foreign, noExp := reg, reg, reg
	expired.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute))
	foreign.Issuer = "other"
	noExp.ExpiresAt = nil
	for name, tok := range map[string]string{
		"none":       sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, reg),
		"hs512":      sign(jwt.SigningMethodHS512, key, reg),
		"wrong key":  sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), reg),
		"expired":    sign(jwt.SigningMethodHS256, key, expired),
		"issuer":     sign(jwt.SigningMethodHS256, key, foreign),
		"no expiry":  sign(jwt.SigningMethodHS256, key, noExp),
		"garbage":    "a.b.c",
		"empty":      "",
		"cut":        good.AccessToken[:len(good.AccessToken)-2],
		"other data": strings.Replace(good.AccessToken, ".", ".e30", 1),
	} {
		if id, err := s.Verify(tok); nvr.ErrorCode(err) != nvr.CodeUnauthorized {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

func TestLimiterSlowsAndForgets(t *testing.T) {
	l, now := newLimiter(), time.Now()
	for range freeAttempts {
		if w := l.blocked(now, "ann", "10.0.0.1"); w > 0 {
			t.Fatalf("blocked for %s too early", w)
		}
		l.failed(now, "ann", "10.0.0.1")
	}
	if w := l.blocked(now, "ann", "10.0.0.2"); w <= 0 || w > firstWait {
		t.Errorf("account waits %s after %d failures", w, freeAttempts)
	}
	if w := l.blocked(now, "bob", "10.0.0.1"); w <= 0 {
		t.Error("the address does not wait")
	}
	for range 40 {
		l.failed(now, "ann", "2001:db8::1")
	}
	if w := l.blocked(now, "ann", ""); w != maxWait {
		t.Errorf("waits %s, want the cap %s", w, maxWait)
	}
	if w := l.blocked(now, "eve", "2001:db8::2"); w != maxWait {
		t.Errorf("a neighbour in the /64 waits %s", w)
	}
	l.succeeded("ann", "10.0.0.1")
	if w := l.blocked(now, "ann", "10.0.0.1"); w > 0 {
		t.Error("still blocked after a success")
	}
	for i := range maxEntries * 2 {
		l.failed(now, strings.Repeat("n", i%7)+time.Duration(i).String(), "p")
	}
	if len(l.entries) > maxEntries+2 {
		t.Errorf("%d entries", len(l.entries))
	}
}
