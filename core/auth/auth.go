// Package auth knows who is asking: accounts with argon2id passwords, short-lived access tokens (JWT, HS256) and
// rotating refresh tokens of which only the SHA-256 is stored. It decides nothing about what a route allows.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Roles of accounts. An admin may change things; a viewer may look.
const (
	RoleAdmin  = "admin"
	RoleViewer = "viewer"
)

const (
	issuer          = "nightjar"
	audience        = "nightjar-api"
	accessLifetime  = 10 * time.Minute
	refreshLifetime = 30 * 24 * time.Hour
)

const firstAdmin = "admin"

// AdminPasswordFile holds the first administrator's password below data_dir until it is changed.
const AdminPasswordFile = "initial-admin-password"

// sessionStore is what auth needs of the database.
type sessionStore interface {
	CountUsers(ctx context.Context) (int, error)
	AddUser(ctx context.Context, name, role, passwordHash string) (nvr.User, error)
	UserByName(ctx context.Context, name string) (nvr.User, error)
	UserByID(ctx context.Context, id string) (nvr.User, error)
	SetPassword(ctx context.Context, userID, hash string) error
	AddRefreshToken(ctx context.Context, userID string, hash []byte, expires time.Time) error
	RotateRefreshToken(ctx context.Context, old, next []byte, expires time.Time) (nvr.User, error)
	RevokeRefreshToken(ctx context.Context, hash []byte) error
	SettingOr(ctx context.Context, key string, value []byte) ([]byte, error)
}

// Service issues and checks tokens. It is safe for concurrent use.
type Service struct {
	store   sessionStore
	key     atomic.Pointer[[]byte] // nil until Init
	limiter *limiter
	dataDir string
}

// Identity is who a valid access token speaks for.
type Identity struct {
	UserID string
	Name   string
	Role   string
}

// Session is the result of a login or a renewal.
type Session struct {
	Identity
	AccessToken    string
	AccessExpires  time.Time
	RefreshToken   string // opaque; the caller hands it out in an HttpOnly cookie only
	RefreshExpires time.Time
}

type claims struct {
	jwt.RegisteredClaims
	Name string `json:"name"`
	Role string `json:"role"`
}

// New returns a service that answers CodeUnavailable until Init has run.
func New(store sessionStore, dataDir string) *Service {
	return &Service{store: store, limiter: newLimiter(), dataDir: dataDir}
}

// Init loads the signing key, making one the first time, and makes sure that somebody can log in.
func (s *Service) Init(ctx context.Context) error {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	key, err := s.store.SettingOr(ctx, "auth.signing_key", fresh)
	if err != nil {
		return err
	}
	if len(key) < 32 {
		return errors.New("the stored signing key is shorter than 32 bytes: delete the row auth.signing_key of table settings")
	}
	if err := s.ensureAdmin(ctx); err != nil {
		return err
	}
	s.key.Store(&key)
	return nil
}

var errNotReady = &nvr.Error{Code: nvr.CodeUnavailable, Message: "the database is not there yet; recording goes on, try again in a moment"}

// ensureAdmin creates the account "admin" with a random password if there is no account at all, and keeps the password
// in a file that only we can read, until it is changed.
func (s *Service) ensureAdmin(ctx context.Context) error {
	n, err := s.store.CountUsers(ctx)
	if err != nil || n > 0 {
		return err
	}
	password := rand.Text()[:20]
	hash, err := HashPassword(password)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.passwordFile(), []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the first administrator's password: %w", err)
	}
	_, err = s.store.AddUser(ctx, firstAdmin, RoleAdmin, hash)
	return err
}

func (s *Service) passwordFile() string { return filepath.Join(s.dataDir, AdminPasswordFile) }

var errLogin = &nvr.Error{Code: nvr.CodeUnauthorized, Message: "user name or password is wrong"}

// Login checks a password. peer is the caller's IP address, which attempts are counted by. The error does not tell a
// wrong name from a wrong password.
func (s *Service) Login(ctx context.Context, name, password, peer string) (Session, error) {
	if s.key.Load() == nil {
		return Session{}, errNotReady
	}
	if wait := s.limiter.blocked(time.Now(), name, peer); wait > 0 {
		return Session{}, &nvr.Error{Code: nvr.CodeTooMany, Message: fmt.Sprintf("too many failed attempts, try again in %d s", int(wait.Seconds())+1)}
	}
	u, err := s.store.UserByName(ctx, name)
	hash := u.PasswordHash
	if nvr.ErrorCode(err) == nvr.CodeNotFound {
		hash = noUserHash
	} else if err != nil {
		return Session{}, err
	}
	ok, cerr := checkPassword(hash, password)
	if cerr != nil {
		return Session{}, fmt.Errorf("check password of %s: %w", name, cerr)
	}
	if !ok || err != nil {
		s.limiter.failed(time.Now(), name, peer)
		return Session{}, errLogin
	}
	s.limiter.succeeded(name, peer)
	token := rand.Text() + rand.Text()
	expires := time.Now().Add(refreshLifetime)
	if err := s.store.AddRefreshToken(ctx, u.ID, hashToken(token), expires); err != nil {
		return Session{}, err
	}
	return s.session(u, token, expires)
}

// Refresh spends a refresh token and returns a new session.
func (s *Service) Refresh(ctx context.Context, token string) (Session, error) {
	if token == "" {
		return Session{}, &nvr.Error{Code: nvr.CodeUnauthorized, Message: "not logged in"}
	}
	next := rand.Text() + rand.Text()
	expires := time.Now().Add(refreshLifetime)
	u, err := s.store.RotateRefreshToken(ctx, hashToken(token), hashToken(next), expires)
	if err != nil {
		return Session{}, err
	}
	return s.session(u, next, expires)
}

// Logout ends the session the refresh token belongs to. An unknown token is no error.
func (s *Service) Logout(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	return s.store.RevokeRefreshToken(ctx, hashToken(token))
}

// ChangePassword sets a new password and ends all sessions of the user.
func (s *Service) ChangePassword(ctx context.Context, id Identity, current, next string) error {
	u, err := s.store.UserByID(ctx, id.UserID)
	if err != nil {
		return err
	}
	if ok, err := checkPassword(u.PasswordHash, current); err != nil || !ok {
		return errors.Join(err, &nvr.Error{Code: nvr.CodeInvalid, Message: "the current password is wrong"})
	}
	hash, err := HashPassword(next)
	if err != nil {
		return err
	}
	return s.setPassword(ctx, u, hash)
}

// setPassword also removes the file of the first password, which would be wrong from now on.
func (s *Service) setPassword(ctx context.Context, u nvr.User, hash string) error {
	if err := s.store.SetPassword(ctx, u.ID, hash); err != nil {
		return err
	}
	if u.Name != firstAdmin {
		return nil
	}
	if err := os.Remove(s.passwordFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the first password's file: %w", err)
	}
	return nil
}

// ResetPassword gives the named account a new random password, for an administrator who lost theirs.
func (s *Service) ResetPassword(ctx context.Context, name string) (string, error) {
	u, err := s.store.UserByName(ctx, name)
	if err != nil {
		return "", err
	}
	password := rand.Text()[:20]
	hash, err := HashPassword(password)
	if err != nil {
		return "", err
	}
	return password, s.setPassword(ctx, u, hash)
}

// Verify checks an access token. Only HS256 with our issuer and audience passes.
func (s *Service) Verify(token string) (Identity, error) {
	key := s.key.Load()
	if key == nil {
		return Identity{}, errNotReady
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return *key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil {
		return Identity{}, &nvr.Error{Code: nvr.CodeUnauthorized, Message: "not logged in, or the login has expired", Err: err}
	}
	return Identity{UserID: c.Subject, Name: c.Name, Role: c.Role}, nil
}

func (s *Service) session(u nvr.User, refresh string, refreshExpires time.Time) (Session, error) {
	key := s.key.Load()
	if key == nil {
		return Session{}, errNotReady
	}
	now := time.Now()
	expires := now.Add(accessLifetime)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: u.ID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Name: u.Name, Role: u.Role,
	}).SignedString(*key)
	if err != nil {
		return Session{}, fmt.Errorf("sign access token: %w", err)
	}
	return Session{
		Identity:    Identity{UserID: u.ID, Name: u.Name, Role: u.Role},
		AccessToken: token, AccessExpires: expires, RefreshToken: refresh, RefreshExpires: refreshExpires,
	}, nil
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
