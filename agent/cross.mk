# SPDX-License-Identifier: GPL-2.0-or-later
#
# Building for another processor than this machine's: variants whose name ends in Debian's
# name of one, as static-arm64.  The compiler is Debian's cross compiler, headers and
# libraries are those of the sysroot that agent/sysroot.sh makes, and nothing else: the
# C library that comes with the cross compiler is not the one with the security updates.

TRIPLET_amd64 := x86_64-linux-gnu
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET_armhf := arm-linux-gnueabihf
LOADER_amd64 := /lib64/ld-linux-x86-64.so.2
LOADER_arm64 := /lib/ld-linux-aarch64.so.1
LOADER_armhf := /lib/ld-linux-armhf.so.3
# Not those of the environment, where an SDK may have left its own.
SYSROOT :=
SYSROOT_LDFLAGS :=
CROSS := $(filter amd64 arm64 armhf,$(lastword $(subst -, ,$(VARIANT))))

ifneq ($(CROSS),)
TRIPLET := $(TRIPLET_$(CROSS))
SYSROOT := $(shell agent/sysroot.sh --print $(CROSS))
override CC := $(filter ccache,$(CC)) $(TRIPLET)-gcc
CPPFLAGS += -nostdinc \
	-isystem $(shell $(TRIPLET)-gcc -print-file-name=include 2>/dev/null) \
	-isystem $(SYSROOT)/usr/include/$(TRIPLET) -isystem $(SYSROOT)/usr/include
# A board's clock and files do not end at 32 bits.  (Debian's libraries there take a 32-bit
# time_t, so none of their calls that take one may be used: tests/lint.sh.)
ifeq ($(CROSS),armhf)
CPPFLAGS += -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
endif
SYSROOT_LDFLAGS := --sysroot=$(SYSROOT) -B$(SYSROOT)/usr/lib/$(TRIPLET)/ \
	-L$(SYSROOT)/usr/lib/$(TRIPLET)
# Programs that are not static find their loader and libraries in the sysroot by themselves:
# an emulator that is told of a sysroot takes "/" for it, also where a test opens that.
ifneq ($(filter check-%,$(VARIANT)),)
LDFLAGS += -Wl,--dynamic-linker=$(SYSROOT)$(LOADER_$(CROSS)) \
	-Wl,--disable-new-dtags,-rpath,$(SYSROOT)/usr/lib/$(TRIPLET):$(SYSROOT)/lib/$(TRIPLET)
endif
STRIP := $(TRIPLET)-strip

PKG_CFLAGS :=
COMMON_LDLIBS = -luv -lprotobuf-c -larchive -lzstd -lsodium -lpthread
AGENT_LDLIBS = -lz -llzma $(COMMON_LDLIBS)

.PHONY: sysroot
sysroot:
	$(Q)agent/sysroot.sh $(CROSS) >/dev/null
$(SYSROOT):
	$(Q)agent/sysroot.sh $(CROSS) >/dev/null
endif
