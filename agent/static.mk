# SPDX-License-Identifier: GPL-2.0-or-later
#
# kferryd as one static binary, small enough for any board.  libarchive's own
# dependencies are named here because only the readers and writers that the agent
# registers are linked in.

S := build/static
STATIC_CFLAGS := -Os -DKF_STATIC -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
STATIC_LDLIBS := -Wl,--start-group -luv_a -lprotobuf-c -larchive -lzstd -lsodium -lz -llzma \
	-llz4 -lacl -Wl,--end-group -lpthread -ldl -lrt

# What nobody here calls, and what it would drag in: libsodium's error handler and key
# generator lie in the object files that initialise all of its ciphers.  (The name service,
# which libuv would bring, is kept out by agent/nopasswd.c.)
STATIC_UNUSED := randombytes_buf sodium_misuse
STATIC_LDFLAGS := -static -Wl,--gc-sections \
	$(foreach f,$(STATIC_UNUSED),-Wl,--defsym=$(f)=abort)

ifeq ($(VARIANT),static)
CFLAGS = $(STATIC_CFLAGS)
HARDEN = -fstack-protector-strong
$(S)/kferryd: $(AGENT_OBJ) $(COMMON_OBJ) agent/static.mk
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(STATIC_LDFLAGS) -o $@.full $(AGENT_OBJ) $(COMMON_OBJ) \
		$(STATIC_LDLIBS)
	$(Q)strip -o $@ $@.full
endif

.PHONY: agent-static
agent-static:
	$(Q)$(MAKE) --no-print-directory VARIANT=static build/static/kferryd
