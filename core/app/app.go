// Package app puts Nightjar together: it builds every part from the configuration, connects them, and starts and stops
// them in order. It is the only package that knows everyone, and holds no logic of its own beyond that.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/event"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/jobs"
	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media/live"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/mqtt"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/core/store/pgchild"
	"github.com/nightjar-nvr/nightjar/core/telemetry"
	"github.com/nightjar-nvr/nightjar/ui"
)

// App is one Nightjar.
type App struct {
	// OnReady, which may be nil, is called once people can log in.
	OnReady func(Ready)

	cfg     *config.Config
	version string
	log     *slog.Logger
	metrics *prometheus.Registry
	bus     *bus.Bus
	started time.Time
	tables  chan struct{} // closed once the schema is up to date

	postgres *pgchild.Child // nil with database.url
	store    *store.Store
	auth     *auth.Service
	cameras  *camera.Manager
	motion   *motionLog
	record   *recording
	detect   *detector
	ears     *ears
	faces    *faces
	events   *event.Engine
	switches *switches
	arming   *arming
	plugins  *pluginhost.Host
	// notifiers keeps plugins at what is configured and installed.
	notifiers *notifiers
	routes    *routeBook
	queue     jobs.Queue
	jobs      *jobs.Dispatcher
	people    *jobs.People
	mqtt      *mqtt.Client
	restream  *rtsp.Server
	demo      *demo.Server // nil unless configured
	http      *httpapi.Server
}

// Ready is what a person needs to begin.
type Ready struct {
	URL               string
	AdminPassword     string // empty once it was changed
	AdminPasswordFile string
}

// New builds all parts. Errors are mistakes in the configuration or of the machine that a person must correct; what may
// be away for a while (database, broker, cameras, disk, model) is none.
func New(cfg *config.Config, version string, log *slog.Logger) (*App, error) {
	a := &App{
		cfg: cfg, version: version, log: log, metrics: telemetry.NewRegistry(version), bus: &bus.Bus{}, started: time.Now(), tables: make(chan struct{}),
	}
	for _, build := range []func() error{a.buildStore, a.buildCameras, a.buildEvents, a.buildDelivery, a.buildMQTT, a.buildHTTP} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *App) buildStore() (err error) {
	if a.postgres, a.store, err = openStore(a.cfg, a.log); err != nil {
		return err
	}
	a.auth = auth.New(a.store, a.cfg.DataDir)
	return nil
}

// openStore returns the store and, without database.url, the server that must run for it.
func openStore(cfg *config.Config, log *slog.Logger) (*pgchild.Child, *store.Store, error) {
	dsn := cfg.Database.URL.Reveal()
	var child *pgchild.Child
	if dsn == "" {
		var err error
		if child, err = pgchild.New(cfg.DataDir, log); err != nil {
			return nil, nil, err
		}
		dsn = child.DSN()
	}
	st, err := store.New(dsn)
	return child, st, err
}

func (a *App) buildEvents() (err error) {
	// The engine and the pipelines need each other: the pipelines are built on the engine, the engine only asks at run time.
	cfg := event.Config{
		Dir: a.cfg.DataDir, Cameras: a.cfg.CameraIDs(),
		MotionOnly: func(id nvr.CameraID) bool { return a.detect.motionOnly(id) }, NamesSounds: namesSounds(a.cfg),
	}
	a.arming = newArming(a.store, a.bus)
	cfg.Mode = a.arming.Mode
	if cfg.Rules, err = alertRules(a.cfg); err != nil {
		return err
	}
	a.arming.rules = cfg.Rules
	a.routes = newRouteBook(a.cfg, a.store, a.log)
	cfg.Routes = func() []nvr.Route { return a.notifiers.markNobody(a.routes.Routes()) }
	a.faces = newFaces(a.cfg, a.store, a.log, a.metrics)
	cfg.UnknownFace = a.faces.hear
	if a.events, err = event.New(cfg, a.store, a.bus, a.log, a.metrics); err != nil {
		return err
	}
	a.faces.snapshots, a.faces.corrected = (&pictures{events: a.events}).Snapshot, a.events.Correct
	a.arming.Engine = a.events
	if a.detect, err = newDetector(a.cfg, a.cameras, sinks{a.motion, a.events}, a.faces, a.record.pushFrame, a.log, a.metrics); err != nil {
		return err
	}
	if a.ears, err = newEars(a.cfg, a.cameras, a.bus, a.detect.latest, a.log, a.metrics); err != nil {
		return err
	}
	newTold(a.cfg, a.detect, a.ears).warn(a.arming, a.log)
	a.switches = &switches{store: a.store, cameras: a.cameras, recording: a.record, detector: a.detect}
	return nil
}

func (a *App) buildDelivery() (err error) {
	if a.notifiers, err = newNotifiers(a.cfg, a.version, a.store, a.log); err != nil {
		return err
	}
	cfgs := a.notifiers.configs()
	if a.plugins, err = pluginhost.New(cfgs, a.pluginOptions(), a.bus, a.log, a.metrics); err != nil {
		return err
	}
	a.notifiers.host = a.plugins
	if a.queue, err = newQueue(a.cfg, a.store, a.log); err != nil {
		return err
	}
	a.store.UseQueue(a.queue)
	var ids []string
	for _, c := range cfgs {
		if c.Enabled {
			ids = append(ids, c.ID)
		}
	}
	if a.jobs, err = a.newDispatcher(ids); err != nil {
		return err
	}
	a.notifiers.changed, a.notifiers.routes = a.jobs.SetNotifiers, a.routes.Routes
	a.people, err = a.newPeople()
	return err
}

func (a *App) buildMQTT() (err error) {
	cfg := mqtt.Config{
		Username: a.cfg.MQTT.Username, Password: a.cfg.MQTT.Password.Reveal(), Prefix: a.cfg.MQTT.Prefix,
		Discovery: a.cfg.MQTT.Discovery, DiscoveryPrefix: a.cfg.MQTT.DiscoveryPrefix, Version: a.version,
	}
	if a.cfg.MQTT.Enabled {
		cfg.BrokerURL = a.cfg.MQTT.Broker
	}
	for _, id := range a.cfg.CameraIDs() {
		cam := mqtt.Camera{ID: id, Name: a.cfg.Cameras[id].Name}
		if a.detect.pool != nil {
			cam.Labels = a.cfg.DetectFor(id).Labels
		}
		cam.Health = a.cfg.HealthFor(id).Enabled
		if hears(a.cfg, id) {
			cam.Audio, cam.Sounds = true, slices.Sorted(maps.Keys(soundLabels(a.cfg.AudioFor(id))))
		}
		cfg.Cameras = append(cfg.Cameras, cam)
	}
	a.mqtt, err = mqtt.New(cfg, mqtt.Deps{
		Bus: a.bus, Switcher: a.switches, Armer: a.arming, Cameras: a.cameras.Statuses, FrameSize: a.detect.frameSize, Log: a.log, Metrics: a.metrics,
	})
	return err
}

func (a *App) buildHTTP() error {
	liveMux, err := live.New(a.metrics)
	if err != nil {
		return err
	}
	site, err := ui.New(ui.FS())
	if err != nil {
		return err
	}
	opts := httpapi.Options{Listen: a.cfg.HTTP.Listen, PathPrefix: a.cfg.HTTP.PathPrefix, Version: a.version, Control: a.cfg.ControlPath()}
	for _, p := range a.cfg.HTTP.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return fmt.Errorf("http.trusted_proxies: %w", err)
		}
		opts.TrustedProxies = append(opts.TrustedProxies, prefix)
	}
	a.http, err = httpapi.New(opts, httpapi.Deps{
		Log: a.log, Metrics: a.metrics, Gatherer: a.metrics, Auth: a.auth, Cameras: a.switches, Events: a.store,
		Playback: a.record, Stills: a.record, Previews: a.record, Storage: a.record, Exports: exports{a.record}, Holds: holds{a.record}, SharedEvents: a.callbacks(),
		Motion: a.motion, Alerts: a.arming, Deliveries: &desk{a.store, a.routes, a.cfg.Location(), a.notifiers}, Faces: a.faces, Sound: a.ears,
		Pictures: &pictures{detector: a.detect, events: a.events},
		Live:     &liveStreams{live: liveMux, cameras: a.cameras}, System: a.system, Bus: a.bus, Site: site, Plugins: a.notifiers, Notifiers: a.notifiers, Push: &browserPush{a.notifiers, a.store, a.routes}, Areas: areasOf(a.cfg.Cameras),
	})
	return err
}

// pictures serves stills from the pipelines and snapshots from the events' directory.
type pictures struct {
	*detector
	events *event.Engine
}

// maxSnapshotBytes bounds what is read of a snapshot file; ours are below 500 KB.
const maxSnapshotBytes = 8 << 20

// Snapshot implements the API's pictures.
func (p *pictures) Snapshot(_ context.Context, e nvr.Event) ([]byte, error) {
	f, err := p.events.OpenSnapshot(e.Camera, e.Start, e.ID)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "this event has no snapshot"}
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSnapshotBytes))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return b, nil
}

// Run runs everything until ctx ends, then stops the parts in the reverse order of the data flow.
func (a *App) Run(ctx context.Context) error {
	release, err := lockDir(a.cfg.DataDir)
	if err != nil {
		return err
	}
	defer release()
	defer a.store.Close()
	a.log.Info("nightjar starts", "version", a.version, "cameras", len(a.cfg.Cameras), "recordings", a.cfg.RecordingsPath())
	source := stage{{name: "cameras", run: a.cameras.Run, once: true}}
	if a.demo != nil {
		source = stage{
			{name: "demo camera", run: a.demo.Run},
			{name: "cameras", run: after(a.cameras.Run, a.demo.Ready(), 5*time.Second), once: true},
		}
	}
	deliveries := stage{{name: "deliveries", run: after(a.jobs.Run, a.tables, 0)}}
	deliveries = append(deliveries, part{name: "plugins", run: a.plugins.Run}, part{name: "notifiers", run: after(a.notifiers.Run, a.tables, 0)},
		part{name: "routes", run: after(a.routes.Run, a.tables, 0)})
	front := stage{{name: "http", run: a.http.Run}, {name: "control socket", run: a.http.RunControl}}
	if a.restream != nil {
		front = append(front, part{name: "rtsp", run: a.restream.Run})
	}
	var database stage
	if a.postgres != nil {
		database = stage{{name: "postgres", run: a.postgres.Run}}
	}
	runStages(ctx, a.log, []stage{
		source,
		{{name: "recording", run: a.record.Run}},
		slices.Concat(a.detect.parts(), a.ears.parts(), a.faces.parts(a.tables)),
		{{name: "motion", run: a.motion.Run}, {name: "events", run: a.events.Run}, {name: "event retention", run: after(a.forget, a.tables, 0)}},
		{{name: "mqtt", run: a.mqtt.Run}},
		deliveries,
		front,
		{{name: "set-up", run: a.setUp, once: true}},
		database,
	})
	a.log.Info("nightjar stopped")
	return nil
}

// after returns a run that begins once ready is closed, or limit (when it is not 0) is over.
func after(run func(context.Context) error, ready <-chan struct{}, limit time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		var late <-chan time.Time
		if limit > 0 {
			late = time.After(limit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		case <-late:
		}
		return run(ctx)
	}
}

// setUp does what needs tables, as soon as there is a database, however long that takes.
func (a *App) setUp(ctx context.Context) error {
	b := lifecycle.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second, Factor: 2, Jitter: 0.2}
	started, told := time.Now(), false
	for n := 0; ; n++ {
		err := a.trySetUp(ctx)
		if err == nil {
			break
		}
		if !told && time.Since(started) > 10*time.Second {
			told = true
			a.log.Warn("the database does not answer yet; recording goes on, nobody can log in", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.Pause(n)):
		}
	}
	close(a.tables)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.http.Ready():
	}
	if a.OnReady != nil {
		a.OnReady(a.ready())
	}
	<-ctx.Done()
	return ctx.Err()
}

func (a *App) trySetUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	if err := a.store.Migrate(ctx, a.log); err != nil {
		return err
	}
	if err := a.queue.Migrate(ctx); err != nil {
		return err
	}
	if err := a.arming.restore(ctx); err != nil {
		return err
	}
	if err := a.routes.reload(ctx); err != nil {
		return err
	}
	if err := a.switches.restore(ctx, a.cfg); err != nil {
		return err
	}
	return a.auth.Init(ctx)
}

func (a *App) ready() Ready {
	host, port, _ := net.SplitHostPort(a.http.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	r := Ready{URL: "http://" + net.JoinHostPort(host, port) + a.cfg.HTTP.PathPrefix + "/", AdminPasswordFile: filepath.Join(a.cfg.DataDir, auth.AdminPasswordFile)}
	if b, err := os.ReadFile(r.AdminPasswordFile); err == nil {
		r.AdminPassword = strings.TrimSpace(string(b))
	}
	return r
}

// forget deletes events and snapshots that are older than any recording of theirs, every hour.
func (a *App) forget(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := a.forgetOnce(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("old events could not be removed, trying again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (a *App) forgetOnce(ctx context.Context) error {
	now := time.Now()
	for _, id := range a.cfg.CameraIDs() {
		_, set := a.cfg.RecordingFor(id)
		days := set.KeptDays()
		if days == 0 {
			continue
		}
		if _, err := a.store.DeleteMotionBefore(ctx, id, now.AddDate(0, 0, -days)); err != nil {
			return err
		}
		n, err := a.store.DeleteEventsBefore(ctx, id, now.AddDate(0, 0, -days))
		if err != nil {
			return err
		}
		if n > 0 {
			a.log.Info("old events removed", "camera_id", string(id), "events", n)
		}
	}
	if err := a.store.Maintain(ctx); err != nil {
		return err
	}
	_, err := a.events.RemoveSnapshotsBefore(snapshotsBefore(a.cfg, now))
	return err
}

// ResetPassword gives an account a new password in the database of a running Nightjar.
func ResetPassword(ctx context.Context, cfg *config.Config, name string, log *slog.Logger) (string, error) {
	_, st, err := openStore(cfg, log)
	if err != nil {
		return "", err
	}
	defer st.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := st.Ping(ctx); err != nil {
		return "", fmt.Errorf("reach the database: %w; start Nightjar first", err)
	}
	return auth.New(st, cfg.DataDir).ResetPassword(ctx, name)
}
