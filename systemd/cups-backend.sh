#!/bin/sh
# /usr/lib/cups/backend/posagent: what `lpadmin -v posagent://HOST:PORT` prints through. In place before CUPS is, should it ever come. Not a link: AppArmor judges a link by where it leads, and lets cupsd start nothing outside of this folder. For everybody to read and execute
# (0755): CUPS starts it as user lp then, and as root only what others may not execute (backend(7)).
exec /usr/lib/posagent/bin/posagent-cups "$@"
