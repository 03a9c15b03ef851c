package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// head names the machine and the versions.
func (b *bench) head() string {
	processor := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name\t: "); ok {
			processor = strings.TrimSpace(name)
		}
	}
	var memory int64
	text, _ = os.ReadFile("/proc/meminfo")
	_, _ = fmt.Sscanf(string(text), "MemTotal: %d kB", &memory)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	commit, _ := exec.Command("git", "describe", "--always", "--dirty").Output()
	database, _ := exec.Command("sh", "-c", "$(ls /usr/lib/postgresql/*/bin/postgres | tail -1) --version").Output()
	return fmt.Sprintf("Measured on %s: %d cores (%s), %d GiB, Linux %s; Slipway %s by %s; mlflow 3.17.2, FastTrackML 0.6.0, %s. "+
		"%d clients; %d rounds of %s for a case, the servers in turn.\n",
		b.began.UTC().Format("2 January 2006"), runtime.NumCPU(), processor, memory>>20, strings.TrimSpace(string(kernel)),
		strings.TrimSpace(string(commit)), runtime.Version(), strings.TrimSpace(string(database)), b.clients, b.rounds, b.span)
}

// page is the two tables of a database.
func (r *results) page() string {
	title := map[string]string{"sqlite": "SQLite and a folder", "postgres": "Postgres and a folder"}[r.database]
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", title)
	b.WriteString("| case | Slipway | mlflow | times | goal | FastTrackML | times | goal | p99 ms (S / m / F) | CPU ms an operation (S / m / F) | of the client | others |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range r.cases {
		b.WriteString(r.row(c))
	}
	b.WriteString(r.notes())
	fmt.Fprintf(&b, "\n| server | start, fresh (goal 0.3 s) | start, again (0.1 s) | MiB idle (60) | MiB after all (200) |\n|---|---|---|---|---|\n")
	for _, t := range r.targets {
		fmt.Fprintf(&b, "| %s | %.3f s | %.3f s | %.0f | %.0f |\n", t.peer.name, t.fresh.Seconds(), t.existing.Seconds(), t.idle, t.after)
	}
	return b.String()
}

func (r *results) row(c benchCase) string {
	of := r.samples[c.name]
	ours := of["slipway"]
	rate := func(name string) string { return c.rate(of[name]) }
	goalOf := map[string]float64{"mlflow": c.goal.sqlite, "fasttrackml": c.goal.fasttrackml}
	if r.database == "postgres" {
		goalOf["mlflow"] = c.goal.postgres
	}
	goal := func(name string) string {
		if goalOf[name] == 0 {
			return "–"
		}
		return fmt.Sprintf("%g", goalOf[name])
	}
	var p99, cpu, client []string
	var disturbed float64
	for _, name := range []string{"slipway", "mlflow", "fasttrackml"} {
		s := of[name]
		if s == nil || len(s.took) == 0 {
			p99, cpu, client = append(p99, "–"), append(cpu, "–"), append(client, "–")
			continue
		}
		client = append(client, milliseconds(s.perOp(s.clientCPU)))
		p99 = append(p99, milliseconds(s.percentile(99)))
		text := milliseconds(s.perOp(s.serverCPU))
		if r.database == "postgres" {
			text += " + " + milliseconds(s.perOp(s.dbCPU))
		}
		cpu = append(cpu, text)
		disturbed = max(disturbed, s.others)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %.1f |\n", c.title, rate("slipway"), rate("mlflow"),
		times(ours, of["mlflow"]), goal("mlflow"), rate("fasttrackml"), times(ours, of["fasttrackml"]), goal("fasttrackml"),
		strings.Join(p99, " / "), strings.Join(cpu, " / "), strings.Join(client, " / "), disturbed)
}

// line is a row for the terminal.
func (r *results) line(c benchCase) string { return strings.TrimSpace(r.row(c)) }

func (c benchCase) rate(s *sample) string {
	switch {
	case s == nil:
		return "–"
	case len(s.took) == 0:
		return "failed"
	case c.unit != "":
		return number(s.perSecond()*c.scale) + " " + c.unit
	case c.most == 1:
		return number(s.elapsed.Seconds()/float64(len(s.took))) + " s"
	}
	return number(s.perSecond()) + " /s"
}

func times(ours, theirs *sample) string {
	if ours == nil || theirs == nil || len(ours.took) == 0 || len(theirs.took) == 0 {
		return "–"
	}
	return "**" + number(ours.perSecond()/theirs.perSecond()) + "**"
}

// notes tell what the rows do not: failures, the file server, the memory that
// a large file took, and the search of many beside that of few.
func (r *results) notes() string {
	var b strings.Builder
	note := func(format string, args ...any) { fmt.Fprintf(&b, "\n- "+format, args...) }
	for _, c := range r.cases {
		of := r.samples[c.name]
		for _, t := range r.targets {
			if s := of[t.peer.name]; s != nil && s.err != nil {
				note("%s on %s: %d calls failed, the first so: %s", c.title, t.peer.name, s.failed, strings.ReplaceAll(fmt.Sprintf("%.200v", s.err), "\n", " "))
			}
		}
		if files := of["files"]; files != nil && len(files.took) > 0 {
			note("%s: a plain Go file server that syncs reaches %s (Slipway is %s of it).", c.title, c.rate(files), times(of["slipway"], files))
		}
		if s := of["slipway"]; s != nil && c.unit != "" {
			note("%s: it adds %.0f MiB to Slipway's memory (goal: at most 32).", c.title, s.peak-s.before)
		}
	}
	few, many := r.samples["search"]["slipway"], r.samples["search-many"]["slipway"]
	if few != nil && many != nil && len(few.took) > 0 && len(many.took) > 0 {
		note("A search of 100,000 runs takes %s times as long as one of 2,000 (goal: at most 5), and %s times its processor time.",
			number(few.perSecond()/many.perSecond()), number(float64(many.perOp(many.serverCPU+many.dbCPU))/float64(few.perOp(few.serverCPU+few.dbCPU))))
	}
	return b.String() + "\n"
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func milliseconds(d time.Duration) string { return number(float64(d) / float64(time.Millisecond)) }

// servingTable is slipway-serve beside the bare loop.
func servingTable(rows []row) string {
	var b strings.Builder
	b.WriteString("\n### slipway-serve\n\n| request | slipway-serve | p99 ms | bare ONNX Runtime | p99 ms | times |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s /s | %s | %s /s | %s | **%s** |\n", r.name, number(r.ours.perSecond), milliseconds(r.ours.p99),
			number(r.theirs.perSecond), milliseconds(r.theirs.p99), number(r.ours.perSecond/r.theirs.perSecond))
		if r.ours.failed > 0 {
			fmt.Fprintf(&b, "\n%d calls failed\n", r.ours.failed)
		}
	}
	return b.String()
}
