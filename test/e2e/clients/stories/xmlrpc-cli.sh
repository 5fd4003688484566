# The story of ../story.ts with `xmlrpc`, the command of xmlrpc-c. It sends no structs and no arrays.
set -eu
url=$1

call() { xmlrpc "$url" "$@"; }

# What it prints for people, as JSON: "Integer: 1", "Array of 2 items:" and a line for each.
shown() {
  sed -E -e '/^(Result:)?$/d' -e 's/^( *Index +[0-9]+ |)(Integer|String): /\1/' -e 's/^( *Index +[0-9]+ )?Boolean: (TRUE|FALSE).*/\L\1\2/' |
    sed -E -e "s/^( *Index +[0-9]+ )?'(.*)'$/\1\"\2\"/" |
    awk '/^Array of/ { list = 1; next } { sub(/^ *Index +[0-9]+ /, ""); text = text (n++ ? "," : "") $0 }
      END { print list ? "[" text "]" : text }'
}

tell() {
  step=$1
  shift
  echo "$step $(call "$@" | shown)"
}

tell register register s/payments s/127.0.0.1 i/9000 i/1
tell again register s/payments s/127.0.0.1 i/9000
tell details get_service_details s/payments
tell details_of_none get_service_details s/nobody
tell greet register s/payments s/127.0.0.1 i/9001 i/1
tell update_status update_status s/payments i/0
tell update_status_of_none update_status s/nobody i/0
echo "all $(call get_all_service_details | sed -n "s/^String: '\(.*\)'$/\1/p")"
tell count get_reg_count
call no_such_method i/1 2>&1 >/dev/null |
  sed -E 's/.*RPC failed at server\.  (.*)\.  \(XML-RPC fault code (-?[0-9]+)\)/\2 \1/; s/"/\\"/g; s/^(-?[0-9]+) (.*)/fault [\1, "\2"]/'
tell methods system.listMethods
tell unregister unregister s/payments
tell unregister_again unregister s/payments
tell count_after get_reg_count
