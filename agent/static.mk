# SPDX-License-Identifier: GPL-2.0-or-later
#
# kferryd as one static binary, small enough for any board: build/static/kferryd for this
# machine's processor, build/static-ARCH/kferryd for another.  libarchive's own
# dependencies are named here because only the readers and writers that the agent
# registers are linked in.

STATIC_CFLAGS := -Os -DKF_STATIC -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
STATIC_LDLIBS := -Wl,--start-group -luv_a -lprotobuf-c -larchive -lzstd -lsodium -lz -llzma \
	-llz4 -lacl -Wl,--end-group -lpthread -ldl -lrt

# The ciphers that sodium_init() would set up, and that nobody here uses, are no_cipher() of
# agent/nocipher.c.  (The name service, which libuv would bring, is kept out by
# agent/nopasswd.c.)
STATIC_NO_CIPHER := onetimeauth_poly1305 pwhash_argon2 scalarmult_curve25519 \
	stream_chacha20 stream_salsa20
STATIC_LDFLAGS := -static -Wl,--gc-sections $(foreach c,$(STATIC_NO_CIPHER), \
	-Wl,--defsym=_crypto_$(c)_pick_best_implementation=no_cipher)

STRIP ?= strip

ifneq ($(filter static static-%,$(VARIANT)),)
CFLAGS = $(STATIC_CFLAGS)
HARDEN = -fstack-protector-strong
$(O)/kferryd: $(AGENT_OBJ) $(COMMON_OBJ) agent/static.mk
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(STATIC_LDFLAGS) $(SYSROOT_LDFLAGS) -o $@.full $(AGENT_OBJ) \
		$(COMMON_OBJ) $(STATIC_LDLIBS)
	$(Q)$(STRIP) -o $@ $@.full
endif

# Which of these is this machine's own is what its compiler makes.  ARCH counts where make
# is told it; those who build kernels often have another one in their environment.
AGENT_ARCHES := amd64 arm64 armhf
NATIVE = $(foreach a,$(AGENT_ARCHES),$(if $(filter $(firstword $(subst -, ,$(TRIPLET_$(a)))), \
	$(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))),$(a)))
WANTED_ARCH = $(if $(filter command%,$(origin ARCH)),$(ARCH))
# What uname -m says there, which is what `kferry board setup` looks for.
MACHINE_amd64 := x86_64
MACHINE_arm64 := aarch64
MACHINE_armhf := armv7l
static_variant = static$(if $(filter-out $(NATIVE),$(1)),-$(1))
make_static = $(MAKE) --no-print-directory VARIANT=$(call static_variant,$(1)) \
	build/$(call static_variant,$(1))/kferryd

.PHONY: agent-static agents
agent-static:
	$(if $(filter-out $(AGENT_ARCHES),$(WANTED_ARCH)),$(error \
		ARCH=$(WANTED_ARCH) is not known; known are $(AGENT_ARCHES)))
	+$(Q)$(call make_static,$(WANTED_ARCH))
# One after the other, so that what fails is seen to belong to which.
agents:
	+$(Q)$(foreach a,$(AGENT_ARCHES),$(call make_static,$(a)) &&) true

# This machine's always, whatever ARCH is; those for other processors where they were built.
.PHONY: install-agents agent-native
agent-native:
	+$(Q)$(call make_static,$(NATIVE))
install-agents: agent-native \
		$(if $(WANTED_ARCH),$(if $(filter-out $(NATIVE),$(WANTED_ARCH)),agent-static))
	install -d $(DESTDIR)$(DATADIR)/agent
	install -m 755 build/static/kferryd $(DESTDIR)$(DATADIR)/agent/kferryd-$(or \
		$(MACHINE_$(NATIVE)),$(shell uname -m))
	$(foreach a,$(filter-out $(NATIVE),$(AGENT_ARCHES)),\
		if [ -e build/static-$(a)/kferryd ]; then install -m 755 build/static-$(a)/kferryd \
			$(DESTDIR)$(DATADIR)/agent/kferryd-$(MACHINE_$(a)); fi;)
