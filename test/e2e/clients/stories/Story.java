// The story of ../story.ts with aXMLRPC.
import de.timroes.axmlrpc.XMLRPCClient;
import de.timroes.axmlrpc.XMLRPCServerException;
import java.io.PrintStream;
import java.net.URL;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

public class Story {
    private static PrintStream out;

    private static String json(Object value) {
        if (value instanceof Object[]) {
            return Arrays.stream((Object[]) value).map(Story::json).collect(Collectors.joining(",", "[", "]"));
        }
        return value instanceof String
                ? '"' + ((String) value).replace("\\", "\\\\").replace("\"", "\\\"") + '"'
                : String.valueOf(value);
    }

    private static void tell(String step, Object value) {
        out.println(step + ' ' + json(value));
    }

    private static Object member(Object struct, String name) {
        return ((Map<?, ?>) struct).get(name);
    }

    public static void main(String[] args) throws Exception {
        out = new PrintStream(System.out, true, "UTF-8");
        XMLRPCClient client = new XMLRPCClient(new URL(args[0]));
        tell("register", client.call("register", "payments", "127.0.0.1", 9000, 1));
        tell("again", client.call("register", "payments", "127.0.0.1", 9000));
        tell("details", client.call("get_service_details", "payments"));
        tell("details_of_none", client.call("get_service_details", "nobody"));
        Map<String, Object> meta = Map.of("greeting", "Grüße 日本語 🜁 <&> ]]>");
        Map<String, Object> details = Map.of("tags", new Object[] {"new"}, "meta", meta);
        tell("greet", client.call("register", "payments", "127.0.0.1", 9001, 1, details));
        Object found = ((Object[]) client.call("lookup", "payments", Map.of("port", 9001)))[0];
        tell("greeting", member(member(found, "meta"), "greeting"));
        tell("tags", member(found, "tags"));
        tell("update_status", client.call("update_status", "payments", 0));
        tell("update_status_of_none", client.call("update_status", "nobody", 0));
        out.println("all " + client.call("get_all_service_details"));
        tell("count", client.call("get_reg_count"));
        try {
            client.call("no_such_method", 1);
        } catch (XMLRPCServerException fault) {
            tell("fault", new Object[] {fault.getErrorNr(), fault.getMessage()});
        }
        tell("methods", client.call("system.listMethods"));
        Object[] calls = Arrays.stream(new String[] {"get_reg_count", "no_such_method"})
                .map(name -> Map.of("methodName", name, "params", new Object[0]))
                .toArray();
        Object[] results = (Object[]) client.call("system.multicall", (Object) calls);
        tell("multicall", new Object[] {((Object[]) results[0])[0], member(results[1], "faultCode")});
        tell("unregister", client.call("unregister", "payments"));
        tell("unregister_again", client.call("unregister", "payments"));
        tell("count_after", client.call("get_reg_count"));
    }
}
