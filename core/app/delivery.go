package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event/route"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/jobs"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// routeBook is all routes: those of the configuration file, and those people made in the UI. The latter lie in the database,
// and as a copy beside it, so that a start without the database misses none.
type routeBook struct {
	store *store.Store
	file  []nvr.Route
	copy  string
	log   *slog.Logger
	// notifiers are those of the configuration file.
	notifiers map[string]config.Notifier

	mu   sync.Mutex  // of changes
	made []nvr.Route // as the database had them last
	all  atomic.Pointer[[]nvr.Route]
}

func newRouteBook(cfg *config.Config, st *store.Store, log *slog.Logger) *routeBook {
	b := &routeBook{store: st, file: cfg.Routes(), notifiers: cfg.Notifiers, copy: filepath.Join(cfg.DataDir, "routes.json"), log: log}
	var made []nvr.Route
	text, err := os.ReadFile(b.copy)
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the copy of the routes cannot be read, those of the database are used once it answers", "err", err)
	}
	b.use(made)
	return b
}

// Routes returns all routes. The caller must not change them.
func (b *routeBook) Routes() []nvr.Route { return *b.all.Load() }

// FromFile reports whether a route is one of the configuration file, which only its editor changes.
func (b *routeBook) FromFile(id string) bool {
	return slices.ContainsFunc(b.file, func(r nvr.Route) bool { return r.ID == id })
}

func (b *routeBook) use(made []nvr.Route) {
	all := slices.Clone(b.file)
	for _, r := range made {
		if !b.FromFile(r.ID) { // the file wins
			all = append(all, r)
		}
	}
	b.all.Store(&all)
}

// reload reads the routes of the database.
func (b *routeBook) reload(ctx context.Context) error {
	made, err := b.store.Routes(ctx)
	if err != nil {
		return err
	}
	b.made = made
	b.use(made)
	for _, p := range route.CheckAll(b.Routes()) {
		b.log.Warn("a route is not right", "route", p.Field, "reason", p.Message)
	}
	text, err := json.Marshal(made)
	if err == nil {
		err = writeSecret(b.copy, text) // recipients are nobody else's business
	}
	if err != nil {
		b.log.Warn("the copy of the routes cannot be written; a start without the database will not know them", "err", err)
	}
	return nil
}

// PutRoute implements the API's change of a route.
func (b *routeBook) PutRoute(ctx context.Context, r nvr.Route) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.FromFile(r.ID) {
		return &nvr.Error{Code: nvr.CodeConflict, Message: "route " + r.ID + " is in the configuration file, below notifiers." + r.ID + ": change it there, or choose another id"}
	}
	if err := b.hasNotifier(ctx, r.Notifier); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(b.Routes()), func(o nvr.Route) bool { return o.ID == r.ID })
	problems := append(route.Check(r), route.CheckAll(append(others, r))...)
	if len(problems) > 0 {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: problems[0].Field + ": " + problems[0].Message}
	}
	if err := b.store.PutRoute(ctx, r, recipients(others, r.Notifier)); err != nil {
		return err
	}
	return b.reload(ctx)
}

// recipients are all that routes tell by a notifier.
func recipients(routes []nvr.Route, notifier string) (out []string) {
	for _, r := range routes {
		if r.Notifier != notifier || r.Disabled {
			continue
		}
		if out = append(out, r.Recipients...); len(r.Recipients) == 0 {
			out = append(out, "") // the notifier's default
		}
	}
	return out
}

// reloadEvery is how soon a node hears of routes and notifiers that another one, on the same database, was told.
const reloadEvery = 5 * time.Second

// Run hears of what other nodes were told, until ctx ends.
func (b *routeBook) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := b.catchUp(ctx); err != nil && ctx.Err() == nil {
			b.log.Debug("routes could not be compared with the database's", "err", err)
		}
	}
}

// catchUp reads the routes again where those of the database have changed.
func (b *routeBook) catchUp(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	made, err := b.store.Routes(ctx)
	if err != nil || reflect.DeepEqual(made, b.made) {
		return err
	}
	return b.reload(ctx)
}

func (b *routeBook) hasNotifier(ctx context.Context, id string) error {
	if _, ok := b.notifiers[id]; ok {
		return nil
	}
	made, err := b.store.Notifiers(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(made, func(n nvr.Notifier) bool { return n.ID == id }) {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: "there is no notifier " + id}
	}
	return nil
}

// DeleteRoute implements the API's removal of a route.
func (b *routeBook) DeleteRoute(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.FromFile(id) {
		return &nvr.Error{Code: nvr.CodeConflict, Message: "route " + id + " is in the configuration file, below notifiers." + id + ": remove it there"}
	}
	for _, r := range b.Routes() {
		if slices.Contains(r.Escalate.To, id) {
			return &nvr.Error{Code: nvr.CodeConflict, Message: "route " + r.ID + " escalates to this one; change that first"}
		}
	}
	others, notifier := slices.Clone(b.Routes()), ""
	others = slices.DeleteFunc(others, func(r nvr.Route) bool {
		if r.ID == id {
			notifier = r.Notifier
		}
		return r.ID == id
	})
	if err := b.store.DeleteRoute(ctx, id, recipients(others, notifier)); err != nil {
		return err
	}
	return b.reload(ctx)
}

// desk is the API's view of deliveries.
type desk struct {
	*store.Store
	*routeBook
	zone      *time.Location
	notifiers *notifiers
}

var _ httpapi.DeliveryService = (*desk)(nil)

// Routes implements httpapi.DeliveryService: both parents have the method.
func (d *desk) Routes() []nvr.Route { return d.routeBook.Routes() }

// PutRoute implements httpapi.DeliveryService.
func (d *desk) PutRoute(ctx context.Context, r nvr.Route) error { return d.routeBook.PutRoute(ctx, r) }

// DeleteRoute implements httpapi.DeliveryService.
func (d *desk) DeleteRoute(ctx context.Context, id string) error {
	return d.routeBook.DeleteRoute(ctx, id)
}

// Retry implements httpapi.DeliveryService.
func (d *desk) Retry(ctx context.Context, id string) error {
	row, _, _, err := d.Delivery(ctx, id)
	if err != nil {
		return err
	}
	expire := time.Duration(0)
	if i := slices.IndexFunc(d.Routes(), func(r nvr.Route) bool { return r.ID == row.Route }); i >= 0 {
		expire = d.Routes()[i].Expire
	}
	return d.RetryDelivery(ctx, id, time.Now().Add(route.Expire(nvr.Route{Expire: expire})))
}

// Preview implements httpapi.DeliveryService.
func (d *desk) Preview(ctx context.Context, title, text, phase, eventID string) (string, string, error) {
	for field, tmpl := range map[string]string{"title": title, "text": text} {
		if err := route.CheckTemplate(tmpl); err != nil {
			return "", "", &nvr.Error{Code: nvr.CodeInvalid, Message: field + " " + err.Error()}
		}
	}
	r, data := nvr.Route{Title: title, Text: text}, route.Example(phase)
	if eventID != "" {
		e, err := d.Event(ctx, eventID)
		if err != nil {
			return "", "", err
		}
		name := func(id nvr.CameraID) string { return string(id) }
		data = route.NewData(nvr.Delivery{Phase: nvr.Phase(phase)}, e, nil, 1, "", name, d.zone)
	}
	title, text = route.Render(r, data)
	return title, text, nil
}

// Explain implements httpapi.DeliveryService.
func (d *desk) Explain(e nvr.Event) []httpapi.RouteVerdict {
	out := []httpapi.RouteVerdict{}
	for _, r := range d.notifiers.markNobody(d.Routes()) {
		told, conditions := route.Explain(r, e)
		if r.Nobody {
			told = false
			conditions = append(conditions, nvr.Condition{Name: "recipient", Detail: "neither it nor its notifier names a browser to tell"})
		}
		out = append(out, httpapi.NewRouteVerdict(r, told, route.Why(conditions), conditions))
	}
	return out
}

// newQueue returns the queue of the configuration.
func newQueue(cfg *config.Config, st *store.Store, log *slog.Logger) (jobs.Queue, error) {
	if cfg.Queue == config.QueueRedis {
		return jobs.NewRedis(cfg.Redis.URL.Reveal(), log)
	}
	return jobs.NewPostgres(st.Pool(), log)
}

// nodeName names this Nightjar among those on the same database, the same after each start: what one of them is telling must
// not be taken back by the start of another. Its data directory is used by one process at a time.
func nodeName(dataDir string) (string, error) {
	path := filepath.Join(dataDir, "node.id")
	b, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read name of this node: %w", err)
	}
	name := "nightjar-" + strings.ToLower(rand.Text())
	return name, writeSecret(path, []byte(name+"\n"))
}

// newDispatcher returns what works the queue for the named notifiers, and newPeople what hears of their recipients.
func (a *App) newDispatcher(notifiers []string) (*jobs.Dispatcher, error) {
	node, err := nodeName(a.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	return jobs.NewDispatcher(a.queue, jobs.Options{
		Node: node, Store: a.store, Notifier: a.plugins, Snapshots: a.events, Notifiers: notifiers, Routes: a.routes.Routes, Zone: a.cfg.Location(),
		CameraName: func(id nvr.CameraID) string {
			if c, ok := a.cfg.Cameras[id]; ok {
				return c.Name
			}
			return string(id)
		},
		Link: func(e nvr.Event) string {
			if a.cfg.HTTP.PublicURL == "" {
				return ""
			}
			return a.cfg.HTTP.PublicURL + "/events?event=" + e.ID
		},
	}, a.log, a.metrics)
}

func (a *App) newPeople() (*jobs.People, error) {
	return jobs.NewPeople(jobs.PeopleOptions{
		Store: a.store, Routes: a.routes.Routes, Cameras: a.cameras.Statuses, Mode: a.arming.Mode, SetMode: a.arming.SetMode,
		Still: a.detect.Still, Zone: a.cfg.Location(), Log: a.log,
	})
}

// queueStatus says whether the server that keeps the queue answers, where that is not the database.
func (a *App) queueStatus(ctx context.Context) (st httpapi.Connection) {
	if st.Enabled = a.cfg.Queue == config.QueueRedis; !st.Enabled {
		return st
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := a.queue.Ping(ctx); err != nil {
		st.Reason = "Redis does not answer; alerts wait in the database until it does"
		return st
	}
	st.Connected = true
	return st
}
