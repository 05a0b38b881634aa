package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/recorder/archive"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// FsckOptions says what to check, and how.
type FsckOptions struct {
	Level    fsck.Level
	Repair   bool
	Rebuild  bool // write the journals anew from the files alone
	NoIndex  bool // leave the database out
	Restore  bool // bring the journals of a lost disk back from the archive first
	Adopt    string
	Progress func(done, total int)
}

// Fsck checks the recordings that cfg describes against their journals, the database and the archive. While Nightjar
// runs it only looks.
func Fsck(ctx context.Context, cfg *config.Config, o FsckOptions, log *slog.Logger) (report fsck.Report, err error) {
	release, err := lockDir(cfg.DataDir)
	running := err != nil
	if !running {
		defer release()
	}
	if running && (o.Repair || o.Rebuild || o.Restore || o.Adopt != "") {
		return fsck.Report{}, fsck.ErrRunning
	}
	if o.Adopt != "" {
		if err := library.Adopt(o.Adopt, cfg.VolumeMemory()); err != nil {
			return fsck.Report{}, err
		}
	}
	volumes, err := library.OpenVolumes(library.VolumesOptions{Dirs: cfg.VolumePaths(), MemoryFile: cfg.VolumeMemory(), Logger: log})
	if err != nil {
		return fsck.Report{}, err
	}
	defer func() { err = errors.Join(err, volumes.Close()) }()
	for _, v := range volumes.Status() {
		if v.State == library.VolumeMissing {
			return fsck.Report{}, errors.New(v.Reason)
		}
	}
	opts := fsck.Options{
		Libraries: volumes.All(), Level: o.Level, Repair: o.Repair, Running: running, Progress: o.Progress,
	}
	for _, id := range cfg.CameraIDs() { // cameras whose files are all gone still have rows
		opts.Streams = append(opts.Streams, nvr.StreamID{Camera: id, Role: nvr.Main})
	}
	if opts.Streams, err = withDisk(opts.Streams, opts.Libraries); err != nil {
		return fsck.Report{}, err
	}
	if cfg.Archive.Enabled {
		a, err := archive.New(archive.Options{
			Libraries: volumes.There, Endpoint: cfg.Archive.Endpoint, Region: cfg.Archive.Region, Bucket: cfg.Archive.Bucket, Prefix: cfg.Archive.Prefix,
			AccessKey: cfg.Archive.AccessKey, SecretKey: cfg.Archive.SecretKey.Reveal(), Logger: log, Metrics: prometheus.NewRegistry(),
		})
		if err != nil {
			return fsck.Report{}, err
		}
		opts.Remote = a
		if o.Restore {
			if _, err := a.RestoreJournals(ctx, volumes.All()[0]); err != nil {
				return fsck.Report{}, fmt.Errorf("restore journals from the archive: %w", err)
			}
		}
	}
	if !o.NoIndex {
		st, stop, err := indexFor(ctx, cfg, running, log)
		if err != nil {
			return fsck.Report{}, err
		}
		defer stop()
		opts.Index = st
	}
	if o.Rebuild {
		return fsck.Rebuild(ctx, opts)
	}
	return fsck.Check(ctx, opts)
}

// withDisk adds the streams that are on disk, such as those of cameras that are not configured any more.
func withDisk(streams []nvr.StreamID, libs []*library.Library) ([]nvr.StreamID, error) {
	known := make(map[nvr.StreamID]bool)
	for _, s := range streams {
		known[s] = true
	}
	for _, lib := range libs {
		days, err := lib.Days()
		if err != nil {
			return nil, err
		}
		for _, d := range days {
			if !known[d.Stream] {
				known[d.Stream] = true
				streams = append(streams, d.Stream)
			}
		}
	}
	return streams, nil
}

// indexFor returns the database, and starts the private one where nobody else runs it.
func indexFor(ctx context.Context, cfg *config.Config, running bool, log *slog.Logger) (*store.Store, func(), error) {
	child, st, err := openStore(cfg, log)
	if err != nil {
		return nil, nil, err
	}
	stop := st.Close
	if child != nil && !running {
		run, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := child.Run(run); run.Err() == nil {
				log.Error("the private database ended", "err", err)
			}
		})
		stop = func() { st.Close(); cancel(); wg.Wait() }
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := st.Ping(call)
		cancel()
		if err == nil {
			err = st.Migrate(ctx, log)
		}
		switch {
		case err == nil:
			return st, stop, nil
		case ctx.Err() != nil || time.Now().After(deadline):
			stop()
			return nil, nil, fmt.Errorf("reach the database: %w; check database.url, or leave the database out with --no-index", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
