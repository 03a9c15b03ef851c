package ui_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long a page may take on a machine with much else to do.
const patience = 120 * time.Second

//go:embed find.js
var find string

// Page is a tab of a browser with a profile of its own, used as a person does:
// by what stands on it.
type Page struct {
	t         *testing.T
	ctx       context.Context
	url       string
	downloads string
	expected  []string

	mu    sync.Mutex
	wrong []string // answers of the server from 400 up, and errors of scripts
}

// Go opens a page of the interface, as one of its links does.
func (p *Page) Go(path string) {
	p.t.Helper()
	eval[bool](p, "(location.hash = "+quoted("#"+path)+", true)")
}

// Reload asks the server for everything again.
func (p *Page) Reload() {
	p.t.Helper()
	p.do(chromedp.Reload())
}

func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, steps...))
}

// See waits until all the texts stand on the page.
func (p *Page) See(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf("%q to be seen", text), func() bool { return strings.Contains(p.Text(), text) })
	}
}

// Gone waits until none of the texts stands on the page.
func (p *Page) Gone(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf("%q to go", text), func() bool { return !strings.Contains(p.Text(), text) })
	}
}

// Text is what can be read on the page, with single spaces.
func (p *Page) Text() string {
	p.t.Helper()
	text := eval[string](p, `document.body ? document.body.innerText : ""`)
	return strings.Join(strings.Fields(text), " ")
}

// eval answers what an expression is worth on the page. It asks again where the
// page went away meanwhile, so asking twice must not matter.
func eval[T any](p *Page, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
		value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
		cancel()
		if err == nil {
			return value
		}
		require.True(p.t, p.ctx.Err() == nil && time.Now().Before(deadline), "%s: %v", expression, err)
		time.Sleep(50 * time.Millisecond)
	}
}

// Find waits for an element with that name (any, where it is "") that css
// selects, that has come to rest and can be pressed, and tells where it is.
func (p *Page) Find(css, name string) (x, y float64) {
	p.t.Helper()
	var before []float64
	p.until(fmt.Sprintf("%s %q", css, name), func() bool {
		at := p.place(css, name)
		still := len(at) == 2 && slices.Equal(at, before)
		before = at
		return still
	})
	return before[0], before[1]
}

// place is where an element stands after the next frames, and empty without one.
func (p *Page) place(css, name string) []float64 {
	p.t.Helper()
	look := fmt.Sprintf("%s(%s, %s)", strings.TrimSpace(find), quoted(css), quoted(name))
	return eval[[]float64](p, "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r("+look+"))))", chromedp.EvalAwaitPromise)
}

// Click presses what Find finds.
func (p *Page) Click(css, name string) {
	p.t.Helper()
	x, y := p.Find(css, name)
	p.do(chromedp.MouseClickXY(x, y))
}

// Expand opens the section with that heading, until a field of it is there.
func (p *Page) Expand(heading, css, field string) {
	p.t.Helper()
	p.until("the section "+heading, func() bool {
		if len(p.place(css, field)) == 2 {
			return true
		}
		if at := p.place("[role=button][aria-expanded=false]", heading); len(at) == 2 {
			p.do(chromedp.MouseClickXY(at[0], at[1]))
		}
		return false
	})
}

// Fill types text into a field, instead of what is there.
func (p *Page) Fill(css, name, text string) {
	p.t.Helper()
	p.Click(css, name)
	eval[bool](p, `(window.found.select && window.found.select(), true)`)
	_, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text})
	require.NoError(p.t, err)
}

// Press sends keys.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// Wait waits until an expression is true on the page.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	p.until(expression, func() bool { return eval[bool](p, "!!("+expression+")") })
}

// Downloaded waits for a file that the browser was asked to keep.
func (p *Page) Downloaded(name string) []byte {
	p.t.Helper()
	var content []byte
	p.until("the file "+name, func() bool {
		var err error
		content, err = os.ReadFile(filepath.Join(p.downloads, name))
		return err == nil
	})
	return content
}

// Expect says which answer from 400 up the test provokes, as "404 GET /path".
func (p *Page) Expect(answers ...string) { p.expected = append(p.expected, answers...) }

func (p *Page) until(what string, content func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !content() {
		if time.Now().After(deadline) {
			require.Fail(p.t, "waited in vain for "+what, "The page says: %s\nRefused: %v\nPicture: %s", p.Text(), p.faults(), p.Picture("failed"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Picture keeps what the page looks like in the folder SLIPWAY_TEST_PICTURES,
// where that is set, and tells the file.
func (p *Page) Picture(name string) string {
	p.t.Helper()
	dir := os.Getenv("SLIPWAY_TEST_PICTURES")
	if dir == "" {
		return "none: set SLIPWAY_TEST_PICTURES to a folder"
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	file := filepath.Join(dir, strings.ReplaceAll(p.t.Name(), "/", "-")+"-"+name+".png")
	require.NoError(p.t, os.WriteFile(file, png, 0o644))
	return file
}

func (p *Page) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, what)
}

// faults are what went wrong that no test expects.
func (p *Page) faults() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.wrong), func(what string) bool {
		return slices.Contains(p.expected, what) || slices.Contains(tolerated, what) || what == unanswered
	})
}

// open makes a page in a new profile of the browser.
func open(of context.Context, t *testing.T, url string) *Page {
	t.Helper()
	p := &Page{t: t, downloads: t.TempDir()}
	p.url = recorder(t, url, p.note)
	ctx, cancel := chromedp.NewContext(of, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p.ctx = ctx
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		if thrown, ok := event.(*runtime.EventExceptionThrown); ok {
			p.note(describe(thrown))
		}
	}))
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: "allow", BrowserContextID: chromedp.FromContext(ctx).BrowserContextID, DownloadPath: p.downloads,
	})
	require.NoError(t, err)
	p.do(chromedp.Navigate(p.url + "/#/experiments"))
	p.Click("button", "Close") //nolint:contextcheck // a page has its own context; the assistant opens by itself
	t.Cleanup(func() {
		if !t.Failed() {
			require.Empty(t, p.faults(), "no page may be refused anything but what docs/mlflow-ui.md lists")
		}
	})
	return p
}

// unanswered is what a script says of a request that went with a page that was
// left; the recorder notes those that the server did not answer.
const unanswered = "TypeError: Failed to fetch"

func describe(thrown *runtime.EventExceptionThrown) string {
	if e := thrown.ExceptionDetails.Exception; e != nil && e.Description != "" {
		first, _, _ := strings.Cut(e.Description, "\n")
		return first
	}
	return thrown.ExceptionDetails.Text
}

func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
