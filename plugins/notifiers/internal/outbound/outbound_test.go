package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPolicy(t *testing.T) {
	link, private, public := "link", "private", "public"
	for addr, want := range map[string]string{
		"169.254.169.254": link, "fe80::1%eth0": link, "::ffff:169.254.1.1": link, "fd00:ec2::254": link, "0.0.0.0": link, "::": link,
		"224.0.0.1": link, "64:ff9b::a9fe:a9fe": link, "100.100.100.200": link, "168.63.129.16": link,
		"127.0.0.1": private, "::1": private, "192.168.1.5": private, "10.0.0.1": private, "172.16.0.1": private, "fd12::1": private,
		"100.64.0.1": private, "::ffff:127.0.0.1": private, "64:ff9b::7f00:1": private, "0.1.2.3": private,
		"93.184.216.34": public, "2606:2800:220:1::1": public,
	} {
		ip := netip.MustParseAddr(addr)
		strict, home, all := Policy{}.Check(ip), Policy{Private: true}.Check(ip), Policy{Private: true, LinkLocal: true}.Check(ip)
		if (strict == nil) != (want == public) || (home == nil) != (want != link) || all != nil {
			t.Errorf("%s is %s: %v, %v, %v", addr, want, strict, home, all)
		}
	}
}

// TestNamesAndRedirectsAreCheckedWhenDialled goes where a name and a redirect lead, not where they say.
func TestNamesAndRedirectsAreCheckedWhenDialled(t *testing.T) {
	srv := httptest.NewServer(http.RedirectHandler("http://169.254.169.254/latest", http.StatusTemporaryRedirect))
	defer srv.Close()
	policy := Policy{}
	c := Client(func() Policy { return policy })
	defer c.CloseIdleConnections()
	get := func(url string) (Answer, error) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		return Do(c, req)
	}
	local := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	if _, err := get(local); !errors.Is(err, ErrPrivate) {
		t.Errorf("localhost: %v", err)
	}
	policy.Private = true
	resp, err := get(local)
	if err != nil || resp.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect to another host must be the answer: %v", err)
	}
	if _, err := get("http://169.254.169.254/"); !errors.Is(err, ErrLinkLocal) {
		t.Errorf("metadata: %v", err)
	}
}

func TestAnswersAreCapped(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	c := Client(func() Policy { return Policy{Private: true} })
	defer c.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
	answer, err := Do(c, req)
	if err != nil || len(answer.Body) != MaxResponse {
		t.Errorf("%d bytes, %v", len(answer.Body), err)
	}
}

func TestFit(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		limit    int
	}{
		{"abc", "abc", 3}, {"abcd", "ab…", 3}, {"😀😀", "😀😀", 4}, {"😀😀x", "😀…", 4}, {"a b c", "a…", 3}, {"abc", "", 0}, {"äöü", "äöü", 3},
	} {
		if got := FitUTF16(tc.in, tc.limit); got != tc.want {
			t.Errorf("%q in %d: %q", tc.in, tc.limit, got)
		}
	}
	for limit := range 20 {
		s := FitBytes("äö😀üabcdefgh", limit)
		if len(s) > limit || !utf8.ValidString(s) {
			t.Errorf("%d bytes: %q", limit, s)
		}
	}
	if OneLine(" a\r\nb\x00 ") != "a  b" {
		t.Errorf("%q", OneLine(" a\r\nb\x00 "))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Now()
	for in, want := range map[string]time.Duration{
		"7": 7 * time.Second, "\t7": 7 * time.Second, "-1": 0, "": 0, "soon": 0, "99999": time.Hour,
		now.Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
	} {
		if got := RetryAfter(in, now); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// TestFanoutTellsNobodyTwice lets one of three recipients fail, then succeed.
func TestFanoutTellsNobodyTwice(t *testing.T) {
	var f Fanout
	var told []string
	answers := map[string]sdk.Result{"a": sdk.OK().WithMessage("m-a"), "b": sdk.Retry(7*time.Second, "not now"), "c": sdk.OK().WithMessage("m-c")}
	send := func(_ context.Context, to string) sdk.Result {
		told = append(told, to)
		return answers[to]
	}
	all, alert := []string{"a", "b", "c"}, sdk.Alert{DeliveryID: "d"}
	if r := f.Deliver(t.Context(), alert, all, send); !r.IsRetry() || r.After() != 7*time.Second {
		t.Fatal(r)
	}
	answers["b"] = sdk.OK().WithMessage("m-b")
	if r := f.Deliver(t.Context(), alert, all, send); !r.IsOK() || r.Message() != "m-a m-b m-c" || strings.Join(told, "") != "abcb" {
		t.Errorf("%v %q told %v", r, r.Message(), told)
	}
	answers["b"] = sdk.Permanent("gone")
	if r := f.Deliver(t.Context(), sdk.Alert{DeliveryID: "e"}, all, send); r.String() != "permanent: 2 of 3 recipients have it; gone" {
		t.Error(r)
	}
	if r := f.Deliver(t.Context(), alert, nil, send); !strings.HasPrefix(r.String(), "bad config") {
		t.Error(r)
	}
	for range 3 * remembered {
		f.mark(time.Now().String(), "a", "")
	}
	if len(f.done) > remembered {
		t.Errorf("remembers %d deliveries", len(f.done))
	}
}
