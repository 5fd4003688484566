// The story of ../story.ts with github.com/kolo/xmlrpc.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/kolo/xmlrpc"
)

type object = map[string]interface{}
type list = []interface{}

var client *xmlrpc.Client

func call(method string, params ...interface{}) interface{} {
	var answer interface{}
	if err := client.Call(method, params, &answer); err != nil {
		panic(err)
	}
	return answer
}

func tell(step string, value interface{}) {
	text, _ := json.Marshal(value)
	fmt.Println(step, string(text))
}

func main() {
	client, _ = xmlrpc.NewClient(os.Args[1], nil)
	defer client.Close()
	tell("register", call("register", "payments", "127.0.0.1", 9000, 1))
	tell("again", call("register", "payments", "127.0.0.1", 9000))
	tell("details", call("get_service_details", "payments"))
	tell("details_of_none", call("get_service_details", "nobody"))
	details := object{"tags": list{"new"}, "meta": object{"greeting": "Grüße 日本語 🜁 <&> ]]>"}}
	tell("greet", call("register", "payments", "127.0.0.1", 9001, 1, details))
	var found []struct {
		Tags []string          `xmlrpc:"tags"`
		Meta map[string]string `xmlrpc:"meta"`
	}
	if err := client.Call("lookup", list{"payments", object{"port": 9001}}, &found); err != nil {
		panic(err)
	}
	tell("greeting", found[0].Meta["greeting"])
	tell("tags", found[0].Tags)
	tell("update_status", call("update_status", "payments", 0))
	tell("update_status_of_none", call("update_status", "nobody", 0))
	fmt.Println("all", call("get_all_service_details"))
	tell("count", call("get_reg_count"))
	var nothing interface{}
	// net/rpc hands on the text of a fault and keeps its code to itself.
	tell("fault", client.Call("no_such_method", list{1}, &nothing).Error())
	tell("methods", call("system.listMethods"))
	calls := list{}
	for _, name := range []string{"get_reg_count", "no_such_method"} {
		calls = append(calls, object{"methodName": name, "params": list{}})
	}
	results := call("system.multicall", list{calls}...).(list)
	tell("multicall", list{results[0].(list)[0], results[1].(object)["faultCode"]})
	tell("unregister", call("unregister", "payments"))
	tell("unregister_again", call("unregister", "payments"))
	tell("count_after", call("get_reg_count"))
}
