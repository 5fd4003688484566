import { quoted, quotedAll } from './quote.js';

/*
 * What is run on the other host, by its /bin/sh: plain POSIX, held against dash, bash and busybox in the tests. Each script
 * is one compound command, so that a shell that got only a part of it, because the connection broke, runs none of it.
 *
 * Of each program there is a folder `run/ID`, for the user alone: `start` and `wait` (scripts), `ref` (pid, start time, boot;
 * written by the program's own process before it becomes the program), and `exit` (the status of the shell that waits).
 */

/** Reads the start time of $1 into `start`: field 22 of /proc/PID/stat, or nothing where it runs no more. Starts no program. */
const START_OF = `
start_of() {
  start= line= stat=
  [ -r "/proc/$1/stat" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do stat="$stat $line"; done <"/proc/$1/stat"
  set -f; set -- \${stat##*") "}; set +f
  case $1 in Z|X) ;; *) [ $# -lt 20 ] || { shift 19; start=$1; } ;; esac
}
read_boot() { boot=; read -r boot </proc/sys/kernel/random/boot_id; }
`;

/** Says one line, which the nonce tells from what a login shell's own files print. */
const says = (nonce: string) => `say() { printf "%s %s\\n" ${quoted(nonce)} "$*"; }`;

const inFolder = (folder: string) => `
folder=${quoted(folder)}
case $folder in /*) ;; *) folder=$HOME/$folder ;; esac`;

function script(nonce: string, folder: string, body: string): string {
  return `{\n${says(nonce)}\n${START_OF}\n${inFolder(folder)}\n${body}\nexit 0\n}\n`;
}

/** What a shell keeps for itself, or won't have set: given by env(1), in whose arguments others of that machine may see it for a moment. */
const OF_SHELLS =
  /^(_|IFS|PWD|OLDPWD|SHLVL|PPID|UID|EUID|GROUPS|LINENO|OPTIND|OPTARG|OPTERR|RANDOM|SECONDS|SHELLOPTS|BASHOPTS|DIRSTACK|FUNCNAME|HISTCMD|EPOCH.*|SRANDOM|COMP_.*|BASH.*)$|[^A-Za-z0-9_]|^[0-9]/;

/**
 * A file that becomes the program: notes who it is, under the pid that stays, and removes itself, for it may hold secrets.
 * $1 is the folder, $2 env(1).
 */
function childFile(command: readonly string[], env: { readonly [name: string]: string }): string {
  const all = Object.entries(env);
  const exported = all.filter(([name]) => !OF_SHELLS.test(name));
  const others = all.filter(([name]) => OF_SHELLS.test(name)).map(([name, value]) => `${name}=${value}`);
  return `{
${START_OF}
dir=$1 env=$2
start_of $$; read_boot
printf "%s %s %s\\n" $$ "$start" "$boot" >"$dir/ref" || exit 125
rm -f "$0"
unset ROLLCALL_STARTS OLDPWD PWD SHLVL
${exported.map(([name, value]) => `export ${name}=${quoted(value)}`).join('\n')}
exec ${others.length === 0 ? '' : `"$env" ${quotedAll(others)} `}${quotedAll(command)}
}
`;
}

/**
 * A file that outlives the connection, in a session of its own, to wait for the program and note how it ended. Whether the
 * program could be started is told by a job beside it: as long as the marker is in its environment it is still a shell.
 * $1 is the folder, $2 the log, $3 the nonce.
 *
 * The program itself is no background job of a shell: it would ignore SIGINT and SIGQUIT then (POSIX, 2.11).
 */
const WAITER = `{
dir=$1 log=$2 nonce=$3
say() { printf "%s %s\\n" "$nonce" "$*"; }
nap() { sleep 0.02 2>/dev/null || sleep 1; }
is_starting() { { tr "\\\\000" "\\\\n" <"/proc/$1/environ" | grep -q "^ROLLCALL_STARTS=$nonce$"; } 2>/dev/null; }
tell() {
  n=0; pid=
  until [ -s "$dir/ref" ] || [ -s "$dir/exit" ] || [ $n -gt 500 ]; do nap; n=$((n+1)); done
  [ -s "$dir/ref" ] && read -r pid start boot <"$dir/ref"
  [ -n "$pid" ] || { say unstarted; return; }
  while [ ! -s "$dir/exit" ] && is_starting "$pid" && [ $n -le 500 ]; do nap; n=$((n+1)); done
  code=; [ -s "$dir/exit" ] && read -r code <"$dir/exit"
  case $code in
    125|126|127) rm -rf "$dir"; say failed "$code" ;;
    *) say started "$pid" "$start" "$boot" ;;
  esac
}
env=$(command -v env)
set -- ROLLCALL_STARTS="$nonce"
for name in TMPDIR TZ LANG USER HOME PATH; do
  eval "value=\\\${$name-} is=\\\${$name+set}"
  [ "$is" = set ] && set -- "$name=$value" "$@"
done
tell &
exec >/dev/null 2>&1
setsid "$env" -i "$@" /bin/sh "$dir/start" "$dir" "$env" >>"$log" 2>&1
echo $? >"$dir/exit"
exit 0
}
`;

export interface StartScript {
  readonly nonce: string;
  readonly folder: string;
  /** Safe as the name of a folder. */
  readonly id: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly log: string;
  readonly env: { readonly [name: string]: string };
}

/** Starts a program; says `started PID START BOOT`, or why not. */
export function startScript(what: StartScript): string {
  const { nonce, folder, id, command, cwd, log, env } = what;
  const path = env.PATH === undefined ? '$PATH' : quoted(env.PATH);
  const body = `
mask=$(umask); umask 077; unset CDPATH
[ -r /proc/self/stat ] && [ -r /proc/sys/kernel/random/boot_id ] || { say unfit /proc; exit 0; }
for tool in setsid env tr grep sleep rm; do
  command -v $tool >/dev/null 2>&1 || { say unfit "$tool"; exit 0; }
done
dir=$folder/run/${id}
mkdir -p "$folder/run" 2>/dev/null
[ -s "$dir/exit" ] && rm -rf "$dir"
if ! mkdir "$dir" 2>/dev/null; then
  if [ -d "$dir" ]; then say taken; else say unwritable "$folder"; fi
  exit 0
fi
log=${quoted(log)}
case $log in /*) ;; *) log=$HOME/$log ;; esac
case $log in */*) mkdir -p "\${log%/*}" 2>/dev/null ;; esac
( : >>"$log" ) 2>/dev/null || { rm -rf "$dir"; say unlogged "$log"; exit 0; }
cd -- "$HOME" 2>/dev/null && cd -- ${quoted(cwd)} 2>/dev/null || { rm -rf "$dir"; say unplaced; exit 0; }
set -- ${quotedAll(command)}
found=
case $1 in
  */*) [ -e "$1" ] && found=there; [ -f "$1" ] && [ -x "$1" ] && found=yes ;;
  *) path=${path}: ;
    while [ -n "$path" ] && [ "$found" != yes ]; do
      at=\${path%%:*}; at=\${at:-.}/$1; path=\${path#*:}
      [ -f "$at" ] && found=there && [ -x "$at" ] && found=yes
    done ;;
esac
[ "$found" = yes ] || { rm -rf "$dir"; say unfound "\${found:-none}"; exit 0; }
{ printf %s ${quoted(childFile(command, env))} >"$dir/start" && printf %s ${quoted(WAITER)} >"$dir/wait"; } || {
  rm -rf "$dir"; say unwritable "$folder"; exit 0
}
umask "$mask"
exec setsid /bin/sh "$dir/wait" "$dir" "$log" ${quoted(nonce)} </dev/null
`;
  return script(nonce, folder, body);
}

/** What a script names one program by. */
export interface RemoteName {
  readonly id: string;
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

/** Says `same` where that program runs; else `gone`, and forgets it. */
export function lookScript(
  nonce: string,
  folder: string,
  { id, pid, startTime, bootId }: RemoteName,
): string {
  return script(
    nonce,
    folder,
    `
start_of ${pid}; read_boot
if [ "$start" = ${quoted(startTime)} ] && [ "$boot" = ${quoted(bootId)} ]; then say same
else rm -rf "$folder/run/${id}"; say gone; fi`,
  );
}

/** Says `found PID START BOOT` of what runs by that name, `none` where nothing does. One that is being started is waited for. */
export function findScript(nonce: string, folder: string, id: string): string {
  return script(
    nonce,
    folder,
    `
dir=$folder/run/${id}; n=0
while [ -d "$dir" ] && [ ! -s "$dir/ref" ] && [ ! -s "$dir/exit" ] && [ $n -lt 20 ]; do sleep 0.1 || sleep 1; n=$((n+1)); done
[ -d "$dir" ] || { say none; exit 0; }
pid=; [ -s "$dir/ref" ] && read -r pid was at <"$dir/ref"
if [ -n "$pid" ]; then start_of "$pid"; read_boot; fi
if [ -n "$pid" ] && [ "$start" = "$was" ] && [ "$boot" = "$at" ]; then say found "$pid" "$was" "$at"
else rm -rf "$dir"; say none; fi`,
  );
}

/** Signals the whole group, if its first process is still that one. Says `sent`, `gone`, or `unsent` where it may not. */
export function signalScript(nonce: string, folder: string, name: RemoteName, signal: string): string {
  const { pid, startTime, bootId } = name;
  return script(
    nonce,
    folder,
    `
start_of ${pid}; read_boot
if [ "$start" = ${quoted(startTime)} ] && [ "$boot" = ${quoted(bootId)} ]; then
  if kill -${signal} -${pid} 2>/dev/null; then say sent; else
    start_of ${pid}; if [ "$start" = ${quoted(startTime)} ]; then say unsent; else say gone; fi
  fi
else say gone; fi`,
  );
}

/**
 * Stays, and answers lines: `add ID PID START BOOT`, then `look` (at the exit files) or `deep` (at the processes too)
 * with `ended ID CODE` for each that has ended and `looked` after all; the code is `?` where nobody could note it.
 * `drop ID` forgets one. It starts no program but for that, so a look costs the host next to nothing.
 */
export function watchScript(nonce: string, folder: string): string {
  return script(
    nonce,
    folder,
    `
exec 2>/dev/null
read_boot
set --
say ready
while read -r verb id pid was at; do
  case $verb in
    add) set -- "$@" "$id $pid $was $at" ;;
    drop) rm -rf "$folder/run/$id" ;;
    look|deep)
      n=$#
      while [ $n -gt 0 ]; do
        one=$1; shift; n=$((n-1))
        id=\${one%% *} code=
        [ -s "$folder/run/$id/exit" ] && read -r code <"$folder/run/$id/exit"
        if [ -z "$code" ] && [ $verb = deep ]; then
          rest=\${one#* }; pid=\${rest%% *}
          start_of "$pid"
          if [ "$rest" != "$pid $start $boot" ]; then
            code="?"
            [ -s "$folder/run/$id/exit" ] && read -r code <"$folder/run/$id/exit"
          fi
        fi
        if [ -n "$code" ]; then say ended "$id" "$code"; else set -- "$@" "$one"; fi
      done
      say looked ;;
  esac
done`,
  );
}
