/* Policies in several forms as filters that are loaded, errors with their places, and functions that
   are held against filters: run by `cargo xtask abi`, with each of two libseccomps. Prints what it
   did; exits with 1 at the first thing that is wrong. */
#include <callgate.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int checks;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,        \
				callgate_error());                                                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static const char gate[] = "policy 1\n"
			   "default allow\n"
			   "errno EXDEV { mkdir, mkdirat }\n"
			   "errno EPERM socket where family == AF_UNIX\n";

/* The errno of a call in a forked child that has loaded the filter, or what it exits with. */
static int under(scmp_filter_ctx filter, int (*call)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (seccomp_load(filter) != 0)
			_exit(200);
		_exit(call() < 0 ? errno : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int make_directory(void)
{
	return mkdir("/nonexistent/x", 0777);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int make_other_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static int parent(void)
{
	return (int)syscall(SYS_getppid);
}

/* A policy in the language is a filter, which says of each call what the policy says. */
static void language(void)
{
	scmp_filter_ctx filter = NULL;

	CHECK(callgate_filter_from_text(&filter, gate, "my.gate") == 0);
	CHECK(callgate_error()[0] == '\0' && callgate_warnings()[0] == '\0');
	CHECK(under(filter, make_directory) == EXDEV);
	CHECK(under(filter, make_socket) == EPERM);
	CHECK(under(filter, make_other_socket) == 0);
	CHECK(under(filter, parent) == 0);
	/* It is a context like any other. */
	CHECK(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(getppid), 0) == 0);
	CHECK(under(filter, parent) == ENOTTY);
	seccomp_release(filter);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Files of several forms, with what they include and what belongs to them. */
static void files(void)
{
	scmp_filter_ctx filter = NULL;
	unsigned value = 0;

	put("server.gate", "policy 1\ndefault allow\nload-flags SECCOMP_FILTER_FLAG_LOG\n"
	    "include \"part.gate\"\n");
	put("part.gate", "errno EXDEV { mkdir, mkdirat }\n");
	CHECK(callgate_filter_from_file(&filter, "server.gate") == 0);
	CHECK(under(filter, make_directory) == EXDEV);
	CHECK(seccomp_attr_get(filter, SCMP_FLTATR_CTL_LOG, &value) == 0 && value == 1);
	seccomp_release(filter);

	put("profile.json",
	    "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n"
	    "  \"syscalls\": [{ \"names\": [\"mkdir\", \"mkdirat\", \"no_such_call\"],\n"
	    "    \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 18 }] }\n");
	CHECK(callgate_filter_from_file(&filter, "profile.json") < 0);
	CHECK(strstr(callgate_error(), "profile.json:2:") == callgate_error());
	CHECK(strstr(callgate_error(), "no_such_call") != NULL);
	put("profile.json",
	    "{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n"
	    "  \"syscalls\": [{ \"names\": [\"mkdir\", \"mkdirat\"],\n"
	    "    \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 18 }] }\n");
	CHECK(callgate_filter_from_file(&filter, "profile.json") == 0);
	CHECK(under(filter, make_directory) == EXDEV);
	CHECK(seccomp_attr_get(filter, SCMP_FLTATR_CTL_LOG, &value) == 0 && value == 1);
	seccomp_release(filter);

	/* A unit is more than its file. */
	put("a.service", "[Service]\nExecStart=/bin/true\nSystemCallFilter=~@mount\n");
	CHECK(mkdir("a.service.d", 0777) == 0);
	put("a.service.d/10.conf", "[Service]\nSystemCallFilter=~mkdir:EXDEV mkdirat:EXDEV\n");
	CHECK(callgate_filter_from_file(&filter, "a.service") == 0);
	CHECK(under(filter, make_directory) == EXDEV);
	seccomp_release(filter);
}

/* What is wrong is said with its place, and nothing is written. */
static void errors(void)
{
	scmp_filter_ctx filter = &checks;
	int (*none)(void *) = NULL;

	CHECK(callgate_filter_from_text(&filter, "policy 1\ndefault kill\nallow { raed }\n", "my.gate") ==
	      -EINVAL);
	CHECK(strncmp(callgate_error(), "my.gate:3:9: error[E0340]: ", 27) == 0);
	CHECK(callgate_filter_from_text(&filter, "policy 1\nallow { raed }\n", NULL) == -EINVAL);
	CHECK(strncmp(callgate_error(), "policy:", 7) == 0);
	CHECK(callgate_filter_from_text(&filter, "", "nothing") == -EINVAL);
	CHECK(callgate_filter_from_text(&filter, NULL, "x") == -EINVAL);
	CHECK(strcmp(callgate_error(), "policy is NULL") == 0);
	CHECK(callgate_filter_from_text(NULL, gate, "x") == -EINVAL);
	CHECK(callgate_filter_from_file(&filter, NULL) == -EINVAL);
	CHECK(callgate_filter_from_file(&filter, "/nonexistent/a.gate") == -ENOENT);
	CHECK(strstr(callgate_error(), "/nonexistent/a.gate") != NULL);
	CHECK(callgate_filter_from_file(&filter, "/proc/self") == -EISDIR);
	/* libseccomp has no word for a trap with a number. */
	CHECK(callgate_filter_from_text(&filter, "policy 1\ndefault allow\ntrap 7 mkdir\n",
					"trap.gate") == -EOPNOTSUPP);
	CHECK(strstr(callgate_error(), "TRAP(7)") != NULL);
	CHECK(filter == &checks);
	CHECK(callgate_denied(NULL, none, NULL) == -EINVAL);
}

static int does_nothing(void *data)
{
	(void)data;
	return 0;
}

static int makes_directories(void *data)
{
	*(int *)data = 7;
	return mkdir("made", 0777) != 0 || mkdir("made/again", 0777) != 0;
}

static int returns_three(void *data)
{
	(void)data;
	return 3;
}

static int kills_itself(void *data)
{
	(void)data;
	return raise(SIGKILL);
}

static int asserts(void *data)
{
	callgate_assert_allows(data, makes_directories, &checks);
	return 0;
}

/* A function is held against a filter: what is missing is named, and this process is as before. */
static void functions(void)
{
	scmp_filter_ctx filter = NULL;
	struct stat found;
	int untouched = 0, status;
	pid_t child;

	CHECK(callgate_filter_from_text(&filter, gate, "my.gate") == 0);
	CHECK(callgate_denied(filter, does_nothing, NULL) == 0);
	callgate_assert_allows(filter, does_nothing, NULL);
	CHECK(callgate_denied(filter, makes_directories, &untouched) == 1);
	CHECK(strstr(callgate_error(), "mkdir") != NULL);
	CHECK(strstr(callgate_error(), "\n  allow mkdir") != NULL);
	CHECK(strstr(callgate_error(), "2 times") != NULL);
	CHECK(untouched == 0);
	/* Refused calls are made all the same. */
	CHECK(stat("made/again", &found) == 0);
	CHECK(callgate_denied(filter, returns_three, NULL) == -ECHILD);
	CHECK(strstr(callgate_error(), "returned 3") != NULL);
	CHECK(callgate_denied(filter, kills_itself, NULL) == -ECHILD);
	CHECK(strstr(callgate_error(), "signal 9") != NULL);
	CHECK(callgate_denied(filter, NULL, NULL) == -EINVAL);
	/* An assertion that fails ends the process. */
	child = fork();
	if (child == 0) {
		freopen("said", "w", stderr);
		asserts(filter);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	seccomp_release(filter);
}

/* Even a filter that allows nothing can be asked about. */
static void strict(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	CHECK(filter != NULL && callgate_denied(filter, does_nothing, NULL) >= 1);
	CHECK(strstr(callgate_error(), "allow exit_group") != NULL);
	seccomp_release(filter);
}

static void *fails(void *data)
{
	scmp_filter_ctx filter = NULL;

	(void)data;
	if (callgate_filter_from_text(&filter, "policy 2\n", "thread.gate") != -EINVAL)
		return NULL;
	return strdup(callgate_error());
}

/* Each thread has its own errors. */
static void threads(void)
{
	pthread_t thread;
	void *said = NULL;

	CHECK(callgate_filter_from_file(NULL, NULL) == -EINVAL);
	CHECK(pthread_create(&thread, NULL, fails, NULL) == 0 && pthread_join(thread, &said) == 0);
	CHECK(said != NULL && strncmp(said, "thread.gate:1:", 14) == 0);
	CHECK(strcmp(callgate_error(), "path is NULL") == 0);
	free(said);
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]) != 0)
		return 2;
	language();
	files();
	errors();
	functions();
	strict();
	threads();
	printf("%d checks\n", checks);
	return 0;
}
