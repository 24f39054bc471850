package pipeline

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// fallbackMemory is used where the machine does not say how much it has.
const fallbackMemory = 2 << 30

// defaultMemory returns half of the machine's memory.
func defaultMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return fallbackMemory
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			if kb, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kb << 10 / 2
			}
		}
	}
	return fallbackMemory
}
