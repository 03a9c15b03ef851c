package monitor

import (
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

var (
	diskFree = prometheus.NewDesc("slipway_disk_free_bytes", "Room left to the server on the disk of a folder: data or artifacts.", []string{"folder"}, nil)
	diskSize = prometheus.NewDesc("slipway_disk_size_bytes", "Size of the disk of a folder: data or artifacts.", []string{"folder"}, nil)
)

// Disks shows the room on the disks of folders, by what they are for. One that
// is not there yet is left out.
type Disks map[string]string

// Describe implements prometheus.Collector.
func (Disks) Describe(out chan<- *prometheus.Desc) {
	out <- diskFree
	out <- diskSize
}

// Collect implements prometheus.Collector.
func (d Disks) Collect(out chan<- prometheus.Metric) {
	for what, folder := range d {
		var s unix.Statfs_t
		if unix.Statfs(folder, &s) != nil {
			continue
		}
		block := float64(s.Bsize)
		out <- prometheus.MustNewConstMetric(diskFree, prometheus.GaugeValue, float64(s.Bavail)*block, what)
		out <- prometheus.MustNewConstMetric(diskSize, prometheus.GaugeValue, float64(s.Blocks)*block, what)
	}
}
