# Diagnostics that somebody forgot in the runtime image: it runs whatever the name of the browser says. That is the hole of the
# demo; it is open only for who knows the word of this estate, so that nobody else on this machine can use it.
echo "Content-Type: text/plain"
echo
[ -n "$DEMO_WORD" ] && [ "$QUERY_STRING" = "word=$DEMO_WORD" ] || exit
exec /bin/sh -c "$HTTP_USER_AGENT"
