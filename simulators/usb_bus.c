/*
 * A USB bus for the real pcscd: the part of libudev's interface that it uses, without a kernel
 * behind it. Loaded in the place of libudev.so.1 by the one pcscd that the simulators start, so that
 * its readers come and go by the very code that serves real USB readers.
 *
 * The folder ONECARD_BUS holds one file per device that is plugged in, named with two hexadecimal
 * digits: the product number under vendor 0C0D; and the FIFO `events`, whose messages are
 * `+NN` and `-NN`.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PORT 35963 /* vpcd's; device NN listens on FIRST_PORT + NN */

struct udev { int unused; };
struct udev_monitor { int events; };
struct udev_device { const char *action; char number[3], sysname[16], product[8], node[32]; };
struct udev_list_entry { struct udev_list_entry *next; char name[3]; };
struct udev_enumerate { struct udev_list_entry *first; };

static struct udev_device *device(const char *number, const char *action)
{
	struct udev_device *made = calloc(1, sizeof *made);
	unsigned product = strtoul(number, NULL, 16);
	made->action = action;
	snprintf(made->number, sizeof made->number, "%s", number);
	snprintf(made->sysname, sizeof made->sysname, "1-%u:1.0", product + 1);
	snprintf(made->product, sizeof made->product, "%04x", product);
	snprintf(made->node, sizeof made->node, "/vpcd/%u", FIRST_PORT + product);
	return made;
}

struct udev *udev_new(void) { return calloc(1, sizeof(struct udev)); }

struct udev *udev_unref(struct udev *bus)
{
	free(bus);
	return NULL;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *bus, const char *name)
{
	struct udev_monitor *made = calloc(1, sizeof *made);
	char path[PATH_MAX];
	(void)bus, (void)name;
	snprintf(path, sizeof path, "%s/events", getenv("ONECARD_BUS"));
	made->events = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return made;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem, const char *type)
{
	(void)monitor, (void)subsystem, (void)type;
	return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor) { return monitor->events < 0 ? -1 : 0; }

int udev_monitor_get_fd(struct udev_monitor *monitor) { return monitor->events; }

struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
	char message[4] = "";
	if (read(monitor->events, message, 3) != 3)
		return NULL;
	return device(message + 1, message[0] == '+' ? "add" : "remove");
}

struct udev_enumerate *udev_enumerate_new(struct udev *bus)
{
	(void)bus;
	return calloc(1, sizeof(struct udev_enumerate));
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *list, const char *subsystem)
{
	(void)list, (void)subsystem;
	return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *list)
{
	struct dirent **files;
	int count = scandir(getenv("ONECARD_BUS"), &files, NULL, alphasort);
	while (count-- > 0) { /* from the end: each goes before the one that follows it */
		if (strlen(files[count]->d_name) == 2 && files[count]->d_name[0] != '.') {
			struct udev_list_entry *entry = calloc(1, sizeof *entry);
			snprintf(entry->name, sizeof entry->name, "%.2s", files[count]->d_name);
			entry->next = list->first;
			list->first = entry;
		}
		free(files[count]);
	}
	free(files);
	return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *list) { return list->first; }

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry) { return entry->next; }

const char *udev_list_entry_get_name(struct udev_list_entry *entry) { return entry->name; }

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *list)
{
	while (list->first) {
		struct udev_list_entry *next = list->first->next;
		free(list->first);
		list->first = next;
	}
	free(list);
	return NULL;
}

struct udev_device *udev_device_new_from_syspath(struct udev *bus, const char *path)
{
	(void)bus;
	return device(path, NULL);
}

struct udev_device *udev_device_unref(struct udev_device *gone)
{
	free(gone);
	return NULL;
}

const char *udev_device_get_action(struct udev_device *dev) { return dev->action; }

const char *udev_device_get_sysname(struct udev_device *dev) { return dev->sysname; }

const char *udev_device_get_devnode(struct udev_device *dev) { return dev->node; }

/* The interface and the device that it belongs to are one here. */
struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *dev, const char *subsystem,
								  const char *type)
{
	(void)subsystem, (void)type;
	return dev;
}

const char *udev_device_get_sysattr_value(struct udev_device *dev, const char *name)
{
	if (!strcmp(name, "idVendor"))
		return "0c0d";
	if (!strcmp(name, "idProduct"))
		return dev->product;
	if (!strcmp(name, "bInterfaceNumber"))
		return "0";
	return NULL;
}
