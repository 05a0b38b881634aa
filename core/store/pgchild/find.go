package pgchild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

type binaries struct {
	initdb, postgres string
}

// findBinaries looks for a server of the cluster's major version, or for the newest one when there is no cluster yet.
func findBinaries(dir string) (binaries, error) {
	want := ""
	if b, err := os.ReadFile(filepath.Join(dir, "PG_VERSION")); err == nil {
		want = strings.TrimSpace(string(b))
	}
	var places []string
	if p := os.Getenv("NIGHTJAR_POSTGRES_BIN"); p != "" {
		places = append(places, p)
	}
	for major := 18; major >= 14; major-- {
		m := strconv.Itoa(major)
		if want == "" || want == m {
			places = append(places, "/usr/lib/postgresql/"+m+"/bin", "/usr/pgsql-"+m+"/bin", "/opt/homebrew/opt/postgresql@"+m+"/bin")
		}
	}
	if p, err := exec.LookPath("postgres"); err == nil && want == "" {
		places = append(places, filepath.Dir(p))
	}
	for _, p := range places {
		b := binaries{initdb: filepath.Join(p, "initdb"), postgres: filepath.Join(p, "postgres")}
		if isExecutable(b.initdb) && isExecutable(b.postgres) {
			return b, nil
		}
	}
	if want != "" {
		return binaries{}, fmt.Errorf("the database in %s was made by PostgreSQL %s, which is not installed: install postgresql-%s, or upgrade the directory with pg_upgrade", dir, want, want)
	}
	return binaries{}, errors.New("no PostgreSQL server (14 to 18) found: install it (Debian: apt install postgresql), or set database.url to one that runs elsewhere")
}

func isExecutable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// owner is the account the server runs as: ourselves, or, because PostgreSQL refuses root, a system account.
type owner struct {
	drop     bool
	uid, gid int
	name     string
}

func findOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	for _, name := range []string{"nightjar", "postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return owner{drop: true, uid: uid, gid: gid, name: name}, nil
		}
	}
	return owner{}, errors.New("PostgreSQL refuses to run as root and none of the accounts nightjar, postgres, nobody exists: create one, or run Nightjar as an ordinary user")
}

func (o owner) attr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if o.drop {
		a.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return a
}

func (o owner) chown(path string) error {
	if !o.drop {
		return nil
	}
	return os.Chown(path, o.uid, o.gid)
}

// mkdir makes dir with mode 0700 for the owner. An existing one keeps its content but must be a real directory.
func (o owner) mkdir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if st, err := os.Lstat(dir); err != nil || !st.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return o.chown(dir)
}

// clusterDir is `postgres` below dataDir, unless root's other account could not reach it there (a checkout in /root,
// say): then it is a directory of the same purpose below /var/lib/nightjar, named after dataDir.
func clusterDir(dataDir string, o owner) string {
	dir := filepath.Join(dataDir, "postgres")
	if !o.drop || reachable(dataDir, o) {
		return dir
	}
	sum := sha256.Sum256([]byte(dataDir))
	return filepath.Join("/var/lib/nightjar", "postgres-"+hex.EncodeToString(sum[:4]))
}

// reachable reports whether o may traverse every existing directory on the way to path.
func reachable(path string, o owner) bool {
	for p := path; ; p = filepath.Dir(p) {
		if st, err := os.Stat(p); err == nil {
			sys, ok := st.Sys().(*syscall.Stat_t)
			bit := os.FileMode(0o001)
			switch {
			case ok && int(sys.Uid) == o.uid:
				bit = 0o100
			case ok && int(sys.Gid) == o.gid:
				bit = 0o010
			}
			if st.Mode()&bit == 0 {
				return false
			}
		}
		if p == filepath.Dir(p) {
			return true
		}
	}
}

// stopOrphan ends a server that an earlier, killed Nightjar left on our directory. Pdeathsig makes that rare, but it
// takes the server a moment to end. The caller holds the lock on data_dir, so no living Nightjar owns it.
func (c *Child) stopOrphan(ctx context.Context) error {
	signals := []syscall.Signal{0, syscall.SIGINT, syscall.SIGQUIT}
	deadline := time.Now().Add(30 * time.Second)
	for step := 0; ; {
		pid := c.orphanPID()
		if pid == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another PostgreSQL (process %d) runs on %s and does not stop: stop it, or choose another data_dir", pid, c.dir)
		}
		if step < len(signals) && signals[step] != 0 {
			c.log.Warn("stopping a database server left by an earlier run", "pid", pid)
			_ = syscall.Kill(pid, signals[step])
		}
		step++
		for range 20 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
			if c.orphanPID() == 0 {
				return nil
			}
		}
	}
}

// orphanPID returns the process in postmaster.pid if it lives and is a server on our directory, else 0.
func (c *Child) orphanPID() int {
	b, err := os.ReadFile(filepath.Join(c.dir, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || pid == os.Getpid() {
		return 0
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), c.dir) {
		return 0
	}
	return pid
}

// ensureDatabase creates our database beside the template ones.
func (c *Child) ensureDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, strings.Replace(c.DSN(), "/"+role+"?", "/postgres?", 1))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var known bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", role).Scan(&known); err != nil || known {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+role)
	return err
}
