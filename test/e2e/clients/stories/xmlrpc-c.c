/* The story of ../story.ts with xmlrpc-c, over libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/client.h>

static xmlrpc_env env;
static const char *url;

static void must(void) {
    if (!env.fault_occurred) return;
    fprintf(stderr, "%s (%d)\n", env.fault_string, env.fault_code);
    exit(1);
}

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_value(xmlrpc_value *value) {
    const char *text;
    xmlrpc_bool truth;
    int number;
    switch (xmlrpc_value_type(value)) {
    case XMLRPC_TYPE_INT:
        xmlrpc_read_int(&env, value, &number);
        printf("%d", number);
        break;
    case XMLRPC_TYPE_BOOL:
        xmlrpc_read_bool(&env, value, &truth);
        printf(truth ? "true" : "false");
        break;
    case XMLRPC_TYPE_STRING:
        xmlrpc_read_string(&env, value, &text);
        must();
        print_text(text);
        free((void *)text);
        break;
    case XMLRPC_TYPE_ARRAY:
        putchar('[');
        for (int index = 0; index < xmlrpc_array_size(&env, value); index++) {
            xmlrpc_value *item;
            xmlrpc_array_read_item(&env, value, index, &item);
            if (index > 0) putchar(',');
            print_value(item);
            xmlrpc_DECREF(item);
        }
        putchar(']');
        break;
    default:
        printf("null");
    }
    must();
}

static void tell(const char *step, xmlrpc_value *value) {
    must();
    printf("%s ", step);
    print_value(value);
    putchar('\n');
    xmlrpc_DECREF(value);
}

#define CALL(method, ...) xmlrpc_client_call(&env, url, method, __VA_ARGS__)

int main(int argc, char **argv) {
    xmlrpc_value *answer, *found, *meta, *greeting, *tags, *count, *failed, *code;
    const char *text;
    if (argc < 2) return 1;
    url = argv[1];
    xmlrpc_env_init(&env);
    xmlrpc_client_init2(&env, XMLRPC_CLIENT_NO_FLAGS, "story", "1", NULL, 0);
    must();

    tell("register", CALL("register", "(ssii)", "payments", "127.0.0.1", 9000, 1));
    tell("again", CALL("register", "(ssi)", "payments", "127.0.0.1", 9000));
    tell("details", CALL("get_service_details", "(s)", "payments"));
    tell("details_of_none", CALL("get_service_details", "(s)", "nobody"));
    /* It knows no characters beyond U+FFFF. */
    /* It knows no characters beyond U+FFFF. */
    tell("greet", CALL("register", "(ssii{s:(s),s:{s:s}})", "payments", "127.0.0.1", 9001, 1, "tags", "new", "meta",
                       "greeting", "Grüße 日本語 <&> ]]>"));

    answer = CALL("lookup", "(s{s:i})", "payments", "port", 9001);
    must();
    xmlrpc_array_read_item(&env, answer, 0, &found);
    xmlrpc_struct_find_value(&env, found, "meta", &meta);
    xmlrpc_struct_find_value(&env, meta, "greeting", &greeting);
    tell("greeting", greeting);
    xmlrpc_struct_find_value(&env, found, "tags", &tags);
    tell("tags", tags);

    tell("update_status", CALL("update_status", "(si)", "payments", 0));
    tell("update_status_of_none", CALL("update_status", "(si)", "nobody", 0));
    answer = CALL("get_all_service_details", "()");
    xmlrpc_read_string(&env, answer, &text);
    must();
    printf("all %s\n", text);
    tell("count", CALL("get_reg_count", "()"));
    CALL("no_such_method", "(i)", 1);
    printf("fault [%d,", env.fault_code);
    print_text(env.fault_string);
    printf("]\n");
    xmlrpc_env_clean(&env);
    xmlrpc_env_init(&env);
    tell("methods", CALL("system.listMethods", "()"));

    answer = CALL("system.multicall", "(({s:s,s:()}{s:s,s:()}))", "methodName", "get_reg_count", "params", "methodName",
                  "no_such_method", "params");
    must();
    xmlrpc_array_read_item(&env, answer, 0, &count);
    xmlrpc_array_read_item(&env, count, 0, &count);
    xmlrpc_array_read_item(&env, answer, 1, &failed);
    xmlrpc_struct_find_value(&env, failed, "faultCode", &code);
    must();
    printf("multicall [");
    print_value(count);
    putchar(',');
    print_value(code);
    printf("]\n");

    tell("unregister", CALL("unregister", "(s)", "payments"));
    tell("unregister_again", CALL("unregister", "(s)", "payments"));
    tell("count_after", CALL("get_reg_count", "()"));
    xmlrpc_client_cleanup();
    return 0;
}
