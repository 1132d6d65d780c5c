/** Owns the table of command lines that are refused: each with its exit code and the exact last words. */
export interface BadCommandLine {
  readonly what: string
  /** `{dir}` stands for an empty directory of the test. */
  readonly args: readonly string[]
  /** The content of the file `{dir}/config.json`. */
  readonly file?: string
  readonly code: number
  readonly text: string
}

const row = (what: string, args: readonly string[], code: number, text: string, file?: string): BadCommandLine => ({
  what,
  args,
  code,
  text,
  ...(file !== undefined && { file }),
})
const flag = (what: string, arg: string, declared: string, why: string) => {
  const [, value = ''] = arg.split('=')
  return row(what, [arg], 2, `error: option '${declared}' argument '${value}' is invalid. ${why}`)
}
const CONFIG = '--config={dir}/config.json'
const config = (what: string, file: string, text: string) => row(what, [CONFIG], 2, `floatip: ${text}`, file)

const PORT = 'a port is a whole number from 0 (any free one) to 65535.'
const BOOL = 'use true or false.'
const DURATION = 'use a duration such as 15s, 1m30s or 500ms, at most 24h.'
const LEVEL = 'use one of debug, info, warn, error, silent.'

export const COMMAND_LINES: readonly BadCommandLine[] = [
  row('an unknown flag', ['--no-such-flag'], 2, "error: unknown option '--no-such-flag'"),
  row('an unknown command', ['server'], 2, "error: unknown command 'server'\n(Did you mean serve?)"),
  row(
    'a word after serve',
    ['serve', 'now'],
    2,
    "error: too many arguments for 'serve'. Expected 0 arguments but got 1: now.",
  ),
  row('a flag without its value', ['--port'], 2, "error: option '--port <port>' argument missing"),
  flag('a port beyond the last', '--port=65536', '--port <port>', PORT),
  flag('a negative port', '--port=-1', '--port <port>', PORT),
  flag('a port that is a word', '--api-port=http', '--api-port <port>', PORT),
  flag('an empty port', '--port=', '--port <port>', PORT),
  flag('a port in hexadecimal', '--port=0x50', '--port <port>', PORT),
  flag('a boolean that is none', '--replicate=maybe', '--replicate [bool]', BOOL),
  flag('a boolean of klog that is none', '--logtostderr=2', '--logtostderr [bool]', BOOL),
  flag('leader-elect that is none', '--leader-elect=nope', '--leader-elect [bool]', BOOL),
  flag('a duration without a unit', '--hold-timeout=60', '--hold-timeout <duration>', DURATION),
  flag('a negative duration', '--hold-timeout=-5s', '--hold-timeout <duration>', DURATION),
  flag('a duration beyond all timers', '--hold-timeout=1000h', '--hold-timeout <duration>', DURATION),
  flag(
    'a duration with a rest',
    '--leader-elect-lease-duration=15s!',
    '--leader-elect-lease-duration <duration>',
    DURATION,
  ),
  flag('a log level that is none', '--log-level=verbose', '--log-level <level>', LEVEL),
  flag('a verbosity that is a word', '--v=high', '-v, --v <level>', 'use a whole number such as 3.'),
  flag('a negative verbosity', '--v=-1', '-v, --v <level>', 'use a whole number such as 3.'),
  row(
    'a config file that is not there',
    [CONFIG],
    2,
    "floatip: --config {dir}/config.json cannot be read: ENOENT: no such file or directory, open '{dir}/config.json'",
  ),
  row(
    'a config file that is a directory',
    ['--config={dir}'],
    2,
    'floatip: --config {dir} cannot be read: EISDIR: illegal operation on a directory, read',
  ),
  config(
    'a config file that is not JSON',
    '{',
    "--config {dir}/config.json is not JSON: JSON Parse error: Expected '}'",
  ),
  config('an empty config file', '', '--config {dir}/config.json is not JSON: JSON Parse error: Unexpected EOF'),
  config('a config file that is a list', '[]', '--config {dir}/config.json must be a JSON object with schedule_plugin'),
  config(
    'a config file that is a text',
    '"schedule_plugin"',
    '--config {dir}/config.json must be a JSON object with schedule_plugin',
  ),
  config(
    'schedule_plugin is a list',
    '{"schedule_plugin":[]}',
    '--config {dir}/config.json: schedule_plugin must be an object',
  ),
  config(
    'schedule_plugin is a text',
    '{"schedule_plugin":"x"}',
    '--config {dir}/config.json: schedule_plugin must be an object',
  ),
  config(
    'configMapName is a number',
    '{"schedule_plugin":{"configMapName":7}}',
    '{dir}/config.json: schedule_plugin.configMapName must be a text',
  ),
  config(
    'floatingipKey is a list',
    '{"schedule_plugin":{"floatingipKey":[]}}',
    '{dir}/config.json: schedule_plugin.floatingipKey must be a text',
  ),
  config(
    'cloudProviderGrpcAddr without a port',
    '{"schedule_plugin":{"cloudProviderGrpcAddr":"cloud"}}',
    '{dir}/config.json: schedule_plugin.cloudProviderGrpcAddr must be host:port, not "cloud"',
  ),
  row(
    'a master that is no address',
    ['--master=ftp://x', '--data-dir={dir}'],
    1,
    'floatip: --master: ftp://x is not the address of an API server; write https://host:port',
  ),
  row(
    'a kubeconfig that is not there',
    ['--kubeconfig={dir}/kube', '--data-dir={dir}'],
    1,
    "floatip: kubeconfig {dir}/kube: ENOENT: no such file or directory, open '{dir}/kube': correct it, or name another one with --kubeconfig",
  ),
  row(
    'no API server at all',
    ['--data-dir={dir}'],
    1,
    'floatip: no API server: not in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set); give --kubeconfig or --master',
  ),
  row(
    'a data directory that cannot be made',
    ['--data-dir=/dev/null/x', '--master=http://127.0.0.1:1'],
    1,
    "floatip: --data-dir /dev/null/x cannot be made: ENOTDIR: not a directory, mkdir '/dev/null/x'",
  ),
  row(
    'a port that is taken',
    ['--port={taken}', '--bind=127.0.0.1', '--api-port=0', '--data-dir={dir}', '--master=http://127.0.0.1:1'],
    1,
    'floatip: cannot listen on 127.0.0.1:{taken} (--bind, --port): Failed to start server. Is port {taken} in use?',
  ),
  row(
    'an address that is not ours',
    ['--port=0', '--api-port=0', '--bind=192.0.2.1', '--data-dir={dir}', '--master=http://127.0.0.1:1'],
    1,
    'floatip: cannot listen on 192.0.2.1:0 (--bind, --port): EADDRNOTAVAIL: address not available, listen',
  ),
]
