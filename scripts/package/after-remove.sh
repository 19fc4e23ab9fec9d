#!/bin/bash
for link in /usr/bin/braid '/usr/bin/${executable}'; do
  case "$(readlink "$link")" in '/opt/${sanitizedProductName}/'*) rm -f "$link" ;; esac
done
profile='/etc/apparmor.d/${executable}'
if [ -f "$profile" ]; then
  if apparmor_status --enabled >/dev/null 2>&1 && hash apparmor_parser 2>/dev/null; then apparmor_parser --remove "$profile" || true; fi
  rm -f "$profile"
fi
