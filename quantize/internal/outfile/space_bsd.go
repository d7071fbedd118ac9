//go:build darwin || freebsd

package outfile

import "golang.org/x/sys/unix"

func freeBytes(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return saturate(uint64(max(0, int64(st.Bavail))), int64(st.Bsize))
}
