#!/bin/sh
# Agents for bench.conf: bench-agents.sh N > bench-agents.conf makes 1001 .. 1000+N.
count=${1:-100}
case $count in
'' | *[!0-9]* | 0*) echo "usage: $0 COUNT" >&2; exit 2 ;;
esac
cat <<END
agents = (
    { ids = "1001-$((1000 + count))"; name = "Agent %s"; contact = "sip:%s@127.0.0.1:5090"; queues = [ "bench" ]; auto_login = true; }
);
END
