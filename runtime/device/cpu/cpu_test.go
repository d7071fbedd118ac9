package cpu_test

import (
	"testing"

	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/device/devicetest"
)

func TestConformance(t *testing.T) {
	devicetest.Run(t, func(*testing.T) device.Device { return cpu.New(2) })
}
