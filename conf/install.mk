# SPDX-License-Identifier: Apache-2.0
# make prompts, install, uninstall, docs. A configuration that is there already is never touched.
SBINDIR := $(PREFIX)/sbin
BINDIR := $(PREFIX)/bin
SHAREDIR := $(PREFIX)/share/callfloor
MANDIR := $(PREFIX)/share/man
DOCDIR := $(PREFIX)/share/doc/callfloor
LIBDIR := $(PREFIX)/lib
CONFDIR := $(SYSCONFDIR)/callfloor
MANPAGES := $(wildcard docs/*.[158])

prompts:
	@$(PYTHON) tests/prompts/make.py $(BUILD)/prompts

install: deps
	@$(MAKE) --no-print-directory -j2 all prompts
	install -d -m 0755 $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(SHAREDIR)/sql $(DESTDIR)$(SHAREDIR)/prompts \
	    $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(LIBDIR)/systemd/system $(DESTDIR)$(LIBDIR)/sysusers.d \
	    $(DESTDIR)$(LIBDIR)/tmpfiles.d
	install -d -m 0750 $(DESTDIR)$(CONFDIR)
	install -m 0755 $(BUILD)/callfloord $(DESTDIR)$(SBINDIR)/callfloord
	install -m 0755 $(BUILD)/callfloorctl $(BUILD)/callfloor-sim $(DESTDIR)$(BINDIR)/
	@for f in $(wildcard sql/*.sql); do install -m 0644 $$f $(DESTDIR)$(SHAREDIR)/sql/ || exit 1; done
	@for f in $(MANPAGES); do d=$(DESTDIR)$(MANDIR)/man$${f##*.}; install -d -m 0755 $$d && \
	    gzip -9nc $$f > $$d/$$(basename $$f).gz && chmod 0644 $$d/$$(basename $$f).gz || exit 1; done
	@for f in $(BUILD)/prompts/*.wav; do install -m 0644 $$f $(DESTDIR)$(SHAREDIR)/prompts/ || exit 1; done
	install -m 0644 README.md LICENSE $(wildcard docs/*.md) $(DESTDIR)$(DOCDIR)/
	install -m 0644 $(wildcard conf/examples/*.conf) $(DESTDIR)$(DOCDIR)/examples/
	sed -e 's|/usr/share/callfloor|$(SHAREDIR)|' conf/callfloord.conf > $(BUILD)/callfloord.conf.installed
	[ -e $(DESTDIR)$(CONFDIR)/callfloord.conf ] || \
	    install -m 0640 $(BUILD)/callfloord.conf.installed $(DESTDIR)$(CONFDIR)/callfloord.conf
	sed -e 's|/usr/sbin/|$(SBINDIR)/|; s|/etc/callfloor/|$(CONFDIR)/|' conf/callfloord.service \
	    > $(DESTDIR)$(LIBDIR)/systemd/system/callfloord.service
	chmod 0644 $(DESTDIR)$(LIBDIR)/systemd/system/callfloord.service
	install -m 0644 conf/callfloor.sysusers $(DESTDIR)$(LIBDIR)/sysusers.d/callfloor.conf
	sed -e 's|/etc/callfloor|$(CONFDIR)|' conf/callfloor.tmpfiles > $(DESTDIR)$(LIBDIR)/tmpfiles.d/callfloor.conf
	chmod 0644 $(DESTDIR)$(LIBDIR)/tmpfiles.d/callfloor.conf
	@[ -n "$(DESTDIR)" ] || [ $$(id -u) != 0 ] || ! command -v systemd-sysusers >/dev/null || { \
	    systemd-sysusers $(LIBDIR)/sysusers.d/callfloor.conf; \
	    systemd-tmpfiles --create $(LIBDIR)/tmpfiles.d/callfloor.conf; \
	    [ ! -d /run/systemd/system ] || systemctl daemon-reload; }

# The configuration and what the daemon has stored stay.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/callfloord $(DESTDIR)$(BINDIR)/callfloorctl $(DESTDIR)$(BINDIR)/callfloor-sim \
	    $(DESTDIR)$(LIBDIR)/systemd/system/callfloord.service $(DESTDIR)$(LIBDIR)/sysusers.d/callfloor.conf \
	    $(DESTDIR)$(LIBDIR)/tmpfiles.d/callfloor.conf
	rm -f $(foreach m,$(MANPAGES),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)).gz)
	rm -rf $(DESTDIR)$(SHAREDIR) $(DESTDIR)$(DOCDIR)

# The reference pages come from the option table; `make lint` sees when they are behind it.
docs: $(BUILD)/callfloord
	$(BUILD)/callfloord --dump-options markdown > docs/configuration.md
	$(BUILD)/callfloord --dump-options man > docs/callfloord.conf.5
