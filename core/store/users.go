package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// CountUsers returns how many accounts exist.
func (s *Store) CountUsers(ctx context.Context) (int, error) {
	n, err := s.q.CountUsers(ctx)
	if err != nil {
		return 0, fmt.Errorf("count users: %w", err)
	}
	return int(n), nil
}

// AddUser creates an account and returns it with its id.
func (s *Store) AddUser(ctx context.Context, name, role, passwordHash string) (nvr.User, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nvr.User{}, fmt.Errorf("make user id: %w", err)
	}
	if err := s.q.AddUser(ctx, dbsqlc.AddUserParams{ID: id, Name: name, Role: role, PasswordHash: passwordHash}); err != nil {
		return nvr.User{}, fmt.Errorf("add user %s: %w", name, err)
	}
	return nvr.User{ID: id.String(), Name: name, Role: role, PasswordHash: passwordHash}, nil
}

// UserByName finds an account; CodeNotFound when there is none.
func (s *Store) UserByName(ctx context.Context, name string) (nvr.User, error) {
	u, err := s.q.UserByName(ctx, name)
	return userOf(u), notFound(err, "user "+name)
}

// UserByID finds an account; CodeNotFound when there is none.
func (s *Store) UserByID(ctx context.Context, id string) (nvr.User, error) {
	uid, err := uuid.Parse(id)
	if err != nil {
		return nvr.User{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "user does not exist"}
	}
	u, err := s.q.UserByID(ctx, uid)
	return userOf(u), notFound(err, "user")
}

func userOf(u dbsqlc.User) nvr.User {
	return nvr.User{ID: u.ID.String(), Name: u.Name, Role: u.Role, PasswordHash: u.PasswordHash}
}

// SetPassword stores a new hash and ends all of the user's sessions.
func (s *Store) SetPassword(ctx context.Context, userID, hash string) error {
	uid, err := uuid.Parse(userID)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	err = s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		if err := q.SetPassword(ctx, dbsqlc.SetPasswordParams{ID: uid, PasswordHash: hash}); err != nil {
			return err
		}
		return q.RevokeUser(ctx, uid)
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// AddRefreshToken stores the hash of a token that begins a new family.
func (s *Store) AddRefreshToken(ctx context.Context, userID string, hash []byte, expires time.Time) error {
	uid, err := uuid.Parse(userID)
	if err != nil {
		return fmt.Errorf("add session: %w", err)
	}
	if err := s.q.PruneRefreshTokens(ctx); err != nil {
		return fmt.Errorf("prune sessions: %w", err)
	}
	err = s.q.AddRefreshToken(ctx, dbsqlc.AddRefreshTokenParams{Hash: hash, Family: uuid.New(), UserID: uid, ExpiresAt: expires})
	if err != nil {
		return fmt.Errorf("add session: %w", err)
	}
	return nil
}

// reuseGrace is how long a spent token may come again: two tabs, or an answer lost on the way, are no theft.
const reuseGrace = 30 * time.Second

var errSession = &nvr.Error{Code: nvr.CodeUnauthorized, Message: "the session has ended, log in again"}

// RotateRefreshToken spends the token with hash old and stores next in its family. A token spent before, beyond a
// short grace, means it was copied: the whole family ends. It returns the user.
func (s *Store) RotateRefreshToken(ctx context.Context, old, next []byte, expires time.Time) (nvr.User, error) {
	var user nvr.User
	var stolen uuid.UUID
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		t, err := q.RefreshToken(ctx, old)
		if errors.Is(err, pgx.ErrNoRows) || (err == nil && t.ExpiresAt.Before(time.Now())) {
			return errSession
		}
		if err != nil {
			return err
		}
		if t.SpentAt != nil && time.Since(*t.SpentAt) > reuseGrace {
			stolen = t.Family
			return errSession
		}
		u, err := q.UserByID(ctx, t.UserID)
		if err != nil {
			return err
		}
		user = userOf(u)
		if err := q.SpendRefreshToken(ctx, old); err != nil {
			return err
		}
		return q.AddRefreshToken(ctx, dbsqlc.AddRefreshTokenParams{Hash: next, Family: t.Family, UserID: t.UserID, ExpiresAt: expires})
	})
	if stolen != uuid.Nil {
		if rerr := s.q.RevokeFamily(ctx, stolen); rerr != nil {
			return nvr.User{}, fmt.Errorf("end copied session: %w", rerr)
		}
	}
	if err != nil {
		return nvr.User{}, fmt.Errorf("renew session: %w", err)
	}
	return user, nil
}

// RevokeRefreshToken ends the family of the token with this hash; unknown ones are ignored.
func (s *Store) RevokeRefreshToken(ctx context.Context, hash []byte) error {
	err := s.inTx(ctx, func(_ pgx.Tx, q *dbsqlc.Queries) error {
		t, err := q.RefreshToken(ctx, hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return q.RevokeFamily(ctx, t.Family)
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// SettingOr returns the stored value of key, storing value first if there is none.
func (s *Store) SettingOr(ctx context.Context, key string, value []byte) ([]byte, error) {
	v, err := s.q.PutSettingIfAbsent(ctx, dbsqlc.PutSettingIfAbsentParams{Key: key, Value: value})
	if err != nil {
		return nil, fmt.Errorf("read setting %s: %w", key, err)
	}
	return v, nil
}

// PutSetting stores value under key.
func (s *Store) PutSetting(ctx context.Context, key string, value []byte) error {
	if err := s.q.PutSetting(ctx, dbsqlc.PutSettingParams{Key: key, Value: value}); err != nil {
		return fmt.Errorf("store setting %s: %w", key, err)
	}
	return nil
}

// UpsertCamera remembers that a camera exists and returns its switches.
func (s *Store) UpsertCamera(ctx context.Context, id nvr.CameraID, name string) (nvr.CameraSwitches, error) {
	c, err := s.q.UpsertCamera(ctx, dbsqlc.UpsertCameraParams{ID: string(id), Name: name})
	if err != nil {
		return nvr.CameraSwitches{}, fmt.Errorf("remember camera %s: %w", id, err)
	}
	return nvr.CameraSwitches{Recording: c.Recording, Detecting: c.Detecting}, nil
}

// SetRecording stores the recording switch.
func (s *Store) SetRecording(ctx context.Context, id nvr.CameraID, on bool) error {
	if err := s.q.SetCameraRecording(ctx, dbsqlc.SetCameraRecordingParams{ID: string(id), Recording: on}); err != nil {
		return fmt.Errorf("store recording switch of %s: %w", id, err)
	}
	return nil
}

// SetDetecting stores the detection switch.
func (s *Store) SetDetecting(ctx context.Context, id nvr.CameraID, on bool) error {
	if err := s.q.SetCameraDetecting(ctx, dbsqlc.SetCameraDetectingParams{ID: string(id), Detecting: on}); err != nil {
		return fmt.Errorf("store detection switch of %s: %w", id, err)
	}
	return nil
}
