package httpapi

import (
	"context"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// notifierService keeps configured notifiers and speaks to the running ones.
type notifierService interface {
	Notifiers(ctx context.Context) ([]Notifier, error)
	AddNotifier(ctx context.Context, r NewNotifier, by string) (Notifier, error)
	UpdateNotifier(ctx context.Context, id string, r NotifierChange, by string) (Notifier, error)
	RemoveNotifier(ctx context.Context, id, by string) error
	// TestNotifier sends an example; an empty recipient is the settings' default.
	TestNotifier(ctx context.Context, id, recipient string) (nvr.DeliveryResult, error)
	RestartNotifier(ctx context.Context, id string) error
	NotifierLog(ctx context.Context, id string) ([]string, error)
	// LendNotifier runs a program for a developer until the lease ends or it is lent again.
	LendNotifier(ctx context.Context, id string, r LentNotifier, lease time.Duration) (Notifier, error)
}

// Notifier is a configured plugin and how it fares. Secrets are never among its settings.
type Notifier struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Plugin       string         `json:"plugin" doc:"Id of the plugin, or the path of a program in the configuration file"`
	PluginName   string         `json:"plugin_name"`
	Version      string         `json:"version" doc:"Of the plugin, as it runs"`
	Trust        string         `json:"trust" enum:"core,key,local,unsigned"`
	Source       string         `json:"source" enum:"database,file,dev" doc:"file: in the configuration file, read-only here; dev: lent by nightjar plugin dev"`
	Enabled      bool           `json:"enabled"`
	State        string         `json:"state" doc:"disabled, starting, running, backoff, quarantined, bad_config or incompatible"`
	Reason       string         `json:"reason" doc:"One sentence for a person"`
	Warning      string         `json:"warning" doc:"Why nobody hears of alerts by it although it runs, one sentence; empty: they do"`
	Since        int64          `json:"since" doc:"UTC milliseconds; 0: not known"`
	RetryAt      int64          `json:"retry_at" doc:"UTC milliseconds; 0: there is nothing to wait for"`
	Restarts     int            `json:"restarts"`
	Delivered    uint64         `json:"delivered"`
	Failed       uint64         `json:"failed"`
	Memory       int64          `json:"memory_bytes" doc:"0 while it does not run"`
	Limits       []string       `json:"limits" nullable:"false" doc:"That apply to its process"`
	Capabilities []string       `json:"capabilities" nullable:"false"`
	Settings     map[string]any `json:"settings" doc:"Without secrets"`
	SecretsSet   []string       `json:"secrets_set" nullable:"false" doc:"Paths of the secrets that have a value, as token or smtp.password"`
	CreatedAt    int64          `json:"created_at" doc:"UTC milliseconds; 0: it is not in the database"`
	UpdatedAt    int64          `json:"updated_at" doc:"UTC milliseconds"`
}

// NotifierList is all notifiers, by id.
type NotifierList struct {
	Notifiers []Notifier `json:"notifiers" nullable:"false"`
}

// NewNotifier asks for a notifier.
type NewNotifier struct {
	ID       string         `json:"id" pattern:"^[a-z0-9_-]{1,48}$"`
	Name     string         `json:"name,omitempty" maxLength:"64" doc:"For people; default: the id"`
	Plugin   string         `json:"plugin" minLength:"1" maxLength:"128" doc:"Id of a plugin"`
	Enabled  *bool          `json:"enabled,omitempty" doc:"Default: true"`
	Settings map[string]any `json:"settings,omitempty"`
}

// NotifierChange replaces what can be changed. What is absent stays.
type NotifierChange struct {
	Name     *string         `json:"name,omitempty" maxLength:"64"`
	Enabled  *bool           `json:"enabled,omitempty"`
	Settings *map[string]any `json:"settings,omitempty" doc:"All settings. A secret that is absent keeps its value, one that is null is cleared"`
}

// LentNotifier is a program that a developer runs.
type LentNotifier struct {
	Path        string         `json:"path" minLength:"1" maxLength:"1024" doc:"Absolute"`
	Args        []string       `json:"args,omitempty" maxItems:"8"`
	Permissions []string       `json:"permissions,omitempty" maxItems:"32"`
	Settings    map[string]any `json:"settings,omitempty"`
}

// NotifierTest asks for an example.
type NotifierTest struct {
	Recipient string `json:"recipient,omitempty" maxLength:"256" doc:"Default: the settings'"`
}

// NotifierVerdict is what the notifier made of an example.
type NotifierVerdict struct {
	Class        string `json:"class" enum:"ok,retry_after,permanent,bad_config"`
	Detail       string `json:"detail" doc:"One sentence for a person; empty when delivered"`
	RetryAfterMS int64  `json:"retry_after_ms"`
}

// NotifierLog is what a notifier wrote on standard error, the last 64 lines, oldest first.
type NotifierLog struct {
	Lines []string `json:"lines" nullable:"false"`
}

// lease is how long a developer's program runs unless it is lent again.
const lease = 20 * time.Second

type notifierID struct {
	ID string `path:"id" maxLength:"48"`
}

func (s *Server) registerNotifiers() {
	op := func(method, path, id, summary string, status int) operation {
		return operation{method: method, path: path, id: id, tag: "notifiers", summary: summary, access: accessAdmin, status: status}
	}
	type list struct{ Body NotifierList }
	type output struct{ Body Notifier }
	register(s, op("GET", "/notifiers", "listNotifiers", "Notifiers and how they fare", 0),
		func(ctx context.Context, _ *struct{}) (*list, error) {
			all, err := s.deps.Notifiers.Notifiers(ctx)
			return &list{Body: NotifierList{Notifiers: append([]Notifier{}, all...)}}, err
		})
	register(s, op("GET", "/notifiers/{id}", "getNotifier", "One notifier", 0),
		func(ctx context.Context, in *notifierID) (*output, error) {
			n, err := s.notifier(ctx, in.ID)
			return &output{Body: n}, err
		})
	type addInput struct{ Body NewNotifier }
	register(s, op("POST", "/notifiers", "addNotifier", "Configure a notifier", 201),
		func(ctx context.Context, in *addInput) (*output, error) {
			n, err := s.deps.Notifiers.AddNotifier(ctx, in.Body, identityOf(ctx).Name)
			return &output{Body: n}, err
		})
	type changeInput struct {
		ID   string `path:"id" maxLength:"48"`
		Body NotifierChange
	}
	register(s, op("PUT", "/notifiers/{id}", "updateNotifier", "Change a notifier", 0),
		func(ctx context.Context, in *changeInput) (*output, error) {
			n, err := s.deps.Notifiers.UpdateNotifier(ctx, in.ID, in.Body, identityOf(ctx).Name)
			return &output{Body: n}, err
		})
	register(s, op("DELETE", "/notifiers/{id}", "removeNotifier", "Remove a notifier", 204),
		func(ctx context.Context, in *notifierID) (*struct{}, error) {
			return nil, s.deps.Notifiers.RemoveNotifier(ctx, in.ID, identityOf(ctx).Name)
		})
	s.registerNotifierActions()
}

func (s *Server) notifier(ctx context.Context, id string) (Notifier, error) {
	all, err := s.deps.Notifiers.Notifiers(ctx)
	if err != nil {
		return Notifier{}, err
	}
	for _, n := range all {
		if n.ID == id {
			return n, nil
		}
	}
	return Notifier{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "this notifier does not exist"}
}

func (s *Server) registerNotifierActions() {
	op := func(method, path, id, summary string, a access, status int) operation {
		return operation{method: method, path: path, id: id, tag: "notifiers", summary: summary, access: a, status: status}
	}
	type testInput struct {
		ID   string `path:"id" maxLength:"48"`
		Body NotifierTest
	}
	type verdict struct{ Body NotifierVerdict }
	register(s, op("POST", "/notifiers/{id}/test", "testNotifier", "Send an example", accessAdmin, 0),
		func(ctx context.Context, in *testInput) (*verdict, error) {
			r, err := s.deps.Notifiers.TestNotifier(ctx, in.ID, in.Body.Recipient)
			return &verdict{Body: NotifierVerdict{Class: string(r.Class), Detail: r.Detail, RetryAfterMS: r.RetryAfter.Milliseconds()}}, err
		})
	register(s, op("POST", "/notifiers/{id}/restart", "restartNotifier", "Start a notifier anew, also out of quarantine", accessAdmin, 204),
		func(ctx context.Context, in *notifierID) (*struct{}, error) {
			return nil, s.deps.Notifiers.RestartNotifier(ctx, in.ID)
		})
	type logOutput struct{ Body NotifierLog }
	register(s, op("GET", "/notifiers/{id}/log", "notifierLog", "What a notifier wrote last", accessAdmin, 0),
		func(ctx context.Context, in *notifierID) (*logOutput, error) {
			lines, err := s.deps.Notifiers.NotifierLog(ctx, in.ID)
			return &logOutput{Body: NotifierLog{Lines: append([]string{}, lines...)}}, err
		})
	type lendInput struct {
		ID   string `path:"id" maxLength:"48"`
		Body LentNotifier
	}
	type output struct{ Body Notifier }
	register(s, op("PUT", "/dev/notifiers/{id}", "lendNotifier", "Run a program under development for 20 s; again to keep it. Only on this machine, by the control socket", accessLocal, 0),
		func(ctx context.Context, in *lendInput) (*output, error) {
			n, err := s.deps.Notifiers.LendNotifier(ctx, in.ID, in.Body, lease)
			return &output{Body: n}, err
		})
}
