// Package observability tries what deploy/grafana and deploy/prometheus ask
// against a real Prometheus that scrapes a real server under traffic.
package observability
