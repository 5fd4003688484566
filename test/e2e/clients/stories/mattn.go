// The story of ../story.ts with github.com/mattn/go-xmlrpc. An array within an array or a struct it doesn't read to its
// right end, so it can make no use of lookup's answers, nor of system.multicall's.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattn/go-xmlrpc"
)

func call(method string, params ...interface{}) interface{} {
	answer, err := xmlrpc.Call(os.Args[1], method, params...)
	if err != nil {
		panic(err)
	}
	return answer
}

func tell(step string, value interface{}) {
	text, _ := json.Marshal(value)
	fmt.Println(step, string(text))
}

func main() {
	tell("register", call("register", "payments", "127.0.0.1", 9000, 1))
	tell("again", call("register", "payments", "127.0.0.1", 9000))
	tell("details", call("get_service_details", "payments"))
	tell("details_of_none", call("get_service_details", "nobody"))
	meta := xmlrpc.Struct{"greeting": "Grüße 日本語 🜁 <&> ]]>"}
	tell("greet", call("register", "payments", "127.0.0.1", 9001, 1, xmlrpc.Struct{"tags": xmlrpc.Array{"new"}, "meta": meta}))
	tell("update_status", call("update_status", "payments", 0))
	tell("update_status_of_none", call("update_status", "nobody", 0))
	fmt.Println("all", call("get_all_service_details"))
	tell("count", call("get_reg_count"))
	_, err := xmlrpc.Call(os.Args[1], "no_such_method", 1)
	// Nor does it read faults.
	tell("fault", err.Error())
	tell("methods", call("system.listMethods"))
	tell("unregister", call("unregister", "payments"))
	tell("unregister_again", call("unregister", "payments"))
	tell("count_after", call("get_reg_count"))
}
