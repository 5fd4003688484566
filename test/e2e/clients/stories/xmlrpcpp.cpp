// The story of ../story.ts with ROS' XmlRpc++.
#include <cstdlib>
#include <iostream>
#include <string>
#include <xmlrpcpp/XmlRpc.h>

using XmlRpc::XmlRpcClient;
using XmlRpc::XmlRpcValue;

static XmlRpcValue params(XmlRpcValue a = {}, XmlRpcValue b = {}, XmlRpcValue c = {}, XmlRpcValue d = {}, XmlRpcValue e = {}) {
  XmlRpcValue list;
  list.setSize(0);
  for (const auto &value : {a, b, c, d, e})
    if (value.valid()) list[list.size()] = value;
  return list;
}

static XmlRpcValue call(XmlRpcClient &client, const char *method, const XmlRpcValue &list, bool isFault = false) {
  XmlRpcValue answer;
  if (!client.execute(method, list, answer) || client.isFault() != isFault) {
    std::cerr << method << " failed" << std::endl;
    std::exit(1);
  }
  return answer;
}

static std::string json(XmlRpcValue value) {
  std::string text;
  switch (value.getType()) {
  case XmlRpcValue::TypeInt:
    return std::to_string(static_cast<int &>(value));
  case XmlRpcValue::TypeBoolean:
    return static_cast<bool &>(value) ? "true" : "false";
  case XmlRpcValue::TypeString:
    for (char c : static_cast<std::string &>(value)) text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return '"' + text + '"';
  case XmlRpcValue::TypeArray:
    for (int index = 0; index < value.size(); index++) text += (index > 0 ? "," : "") + json(value[index]);
    return '[' + text + ']';
  default:
    return "null";
  }
}

static void tell(const char *step, const XmlRpcValue &value) { std::cout << step << ' ' << json(value) << std::endl; }

int main(int, char **argv) {
  XmlRpcClient client(argv[1], std::atoi(argv[2]), "/RPC2");
  tell("register", call(client, "register", params("payments", "127.0.0.1", 9000, 1)));
  tell("again", call(client, "register", params("payments", "127.0.0.1", 9000)));
  tell("details", call(client, "get_service_details", params("payments")));
  tell("details_of_none", call(client, "get_service_details", params("nobody")));
  XmlRpcValue details, query;
  details["tags"][0] = "new";
  details["meta"]["greeting"] = "Grüße 日本語 🜁 <&> ]]>";
  tell("greet", call(client, "register", params("payments", "127.0.0.1", 9001, 1, details)));
  query["port"] = 9001;
  XmlRpcValue found = call(client, "lookup", params("payments", query))[0];
  tell("greeting", found["meta"]["greeting"]);
  tell("tags", found["tags"]);
  tell("update_status", call(client, "update_status", params("payments", 0)));
  tell("update_status_of_none", call(client, "update_status", params("nobody", 0)));
  std::cout << "all " << static_cast<std::string>(call(client, "get_all_service_details", params())) << std::endl;
  tell("count", call(client, "get_reg_count", params()));
  XmlRpcValue fault = call(client, "no_such_method", params(1), true);
  tell("fault", params(fault["faultCode"], fault["faultString"]));
  tell("methods", call(client, "system.listMethods", params()));
  XmlRpcValue calls;
  calls[0]["methodName"] = "get_reg_count";
  calls[1]["methodName"] = "no_such_method";
  calls[0]["params"] = calls[1]["params"] = params();
  XmlRpcValue results = call(client, "system.multicall", params(calls));
  tell("multicall", params(results[0][0], results[1]["faultCode"]));
  tell("unregister", call(client, "unregister", params("payments")));
  tell("unregister_again", call(client, "unregister", params("payments")));
  tell("count_after", call(client, "get_reg_count", params()));
}
