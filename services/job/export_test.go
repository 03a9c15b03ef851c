package job

// Abandon stops the heartbeat and nothing else, as a machine that is gone does.
func (r *Runner) Abandon() {
	r.stop()
	r.done.Wait()
}
