# The story of ../story.ts with Tcl's xmlrpc. It answers {rest value}, untyped; a fault is the struct it is made of.
package require xmlrpc

# Bytes in, bytes out: it counts characters where HTTP counts bytes.
encoding system iso8859-1
fconfigure stdout -encoding iso8859-1
proc bytes {text} { return [encoding convertto utf-8 $text] }

set url [regexp -inline {http://[^/]+} [lindex $argv 0]]

proc call {method args} {
    return [lindex [xmlrpc::call $::url RPC2 $method $args] 1]
}

proc tell_ {step value} { puts "$step $value" }
proc quoted {value} { return "\"[string map {\\ \\\\ \" \\\"} $value]\"" }
proc array_ {values} { return "\[[join $values ,]\]" }
proc address {value} { return [array_ [list [quoted [lindex $value 0]] [lindex $value 1]]] }
proc member {struct name} { return [lindex [xmlrpc::assoc $name $struct] 1] }
proc quotedAll {values} {
    set quotes {}
    foreach value $values { lappend quotes [quoted $value] }
    return [array_ $quotes]
}

set host {string 127.0.0.1}
tell_ register [call register {string payments} $host {int 9000} {int 1}]
tell_ again [call register {string payments} $host {int 9000}]
tell_ details [address [call get_service_details {string payments}]]
tell_ details_of_none [call get_service_details {string nobody}]
# It escapes nothing, and Tcl 8.6 knows no characters beyond U+FFFF.
set meta(greeting) [list string [bytes "Grüße 日本語 &lt;&amp;&gt; \]\]&gt;"]]
set details(tags) {array {{string new}}}
set details(meta) {struct meta}
tell_ greet [call register {string payments} $host {int 9001} {int 1} {struct details}]
set query(port) {int 9001}
set found [lindex [call lookup {string payments} {struct query}] 0]
tell_ greeting [quoted [string map {&lt; < &gt; > &amp; &} [member [member $found meta] greeting]]]
tell_ tags [quotedAll [member $found tags]]
tell_ update_status [call update_status {string payments} {int 0}]
tell_ update_status_of_none [call update_status {string nobody} {int 0}]
tell_ all [call get_all_service_details]
tell_ count [call get_reg_count]
set fault [call no_such_method {int 1}]
tell_ fault [array_ [list [member $fault faultCode] [quoted [member $fault faultString]]]]
tell_ methods [quotedAll [call system.listMethods]]
set counting(methodName) {string get_reg_count}
set counting(params) {array {}}
set failing(methodName) {string no_such_method}
set failing(params) {array {}}
set results [call system.multicall {array {{struct counting} {struct failing}}}]
tell_ multicall [array_ [list [lindex $results 0 0] [member [lindex $results 1] faultCode]]]
tell_ unregister [call unregister {string payments}]
tell_ unregister_again [call unregister {string payments}]
tell_ count_after [call get_reg_count]
