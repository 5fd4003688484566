;; The story of ../story.ts with xml-rpc.el.  -*- lexical-binding: t; coding: utf-8 -*-
(require 'json)
(require 'xml-rpc)

(defvar url (pop command-line-args-left))
(setq xml-rpc-debug 0
      locale-coding-system 'utf-8)

(defun call (method &rest params)
  (apply #'xml-rpc-method-call url method params))

(defun tell (step value)
  (princ (format "%s %s\n" step (json-encode value))))

(defun bool (value)
  (if value t json-false))

(defun member-of (struct name)
  (cdr (assoc name struct)))

(tell "register" (call 'register "payments" "127.0.0.1" 9000 1))
(tell "again" (call 'register "payments" "127.0.0.1" 9000))
(tell "details" (call 'get_service_details "payments"))
(tell "details_of_none" (bool (call 'get_service_details "nobody")))
(let ((details '(("tags" . (:array ("new"))) ("meta" . (("greeting" . "Grüße 日本語 🜁 <&> ]]>"))))))
  (tell "greet" (call 'register "payments" "127.0.0.1" 9001 1 details)))
(let ((found (car (call 'lookup "payments" '(("port" . 9001))))))
  (tell "greeting" (member-of (member-of found "meta") "greeting"))
  (tell "tags" (member-of found "tags")))
(tell "update_status" (bool (call 'update_status "payments" 0)))
(tell "update_status_of_none" (bool (call 'update_status "nobody" 0)))
(princ (format "all %s\n" (call 'get_all_service_details)))
(tell "count" (call 'get_reg_count))
(condition-case nil
    (call 'no_such_method 1)
  (error (tell "fault" (list xml-rpc-fault-code xml-rpc-fault-string))))
(tell "methods" (call 'system.listMethods))
(let ((results (call 'system.multicall
                     '((("methodName" . "get_reg_count") ("params" . []))
                       (("methodName" . "no_such_method") ("params" . []))))))
  (tell "multicall" (list (car (nth 0 results)) (member-of (nth 1 results) "faultCode"))))
(tell "unregister" (bool (call 'unregister "payments")))
(tell "unregister_again" (bool (call 'unregister "payments")))
(tell "count_after" (call 'get_reg_count))
