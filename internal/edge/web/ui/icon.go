package ui

import (
	"context"
	"io"
)

// IconName names one of Tandem's own 16-pixel line icons.
type IconName string

// The icons.
const (
	IconToday       IconName = "today"
	IconDeal        IconName = "deal"
	IconRegister    IconName = "register"
	IconInbox       IconName = "inbox"
	IconPlug        IconName = "plug"
	IconJobs        IconName = "jobs"
	IconSettings    IconName = "settings"
	IconSearch      IconName = "search"
	IconMenu        IconName = "menu"
	IconMore        IconName = "more"
	IconPlus        IconName = "plus"
	IconMinus       IconName = "minus"
	IconClose       IconName = "close"
	IconCheck       IconName = "check"
	IconCheckCircle IconName = "check-circle"
	IconInfo        IconName = "info"
	IconWarn        IconName = "warn"
	IconStop        IconName = "stop"
	IconDot         IconName = "dot"
	IconUp          IconName = "up"
	IconDown        IconName = "down"
	IconLeft        IconName = "left"
	IconRight       IconName = "right"
	IconSort        IconName = "sort"
	IconFilter      IconName = "filter"
	IconColumns     IconName = "columns"
	IconBoard       IconName = "board"
	IconList        IconName = "list"
	IconCopy        IconName = "copy"
	IconLink        IconName = "link"
	IconExternal    IconName = "external"
	IconDownload    IconName = "download"
	IconUpload      IconName = "upload"
	IconEdit        IconName = "edit"
	IconTrash       IconName = "trash"
	IconLock        IconName = "lock"
	IconClock       IconName = "clock"
	IconRefresh     IconName = "refresh"
	IconPerson      IconName = "person"
	IconPeople      IconName = "people"
	IconCloud       IconName = "cloud"
	IconPortal      IconName = "portal"
	IconBolt        IconName = "bolt"
	IconSun         IconName = "sun"
	IconMoon        IconName = "moon"
	IconScreen      IconName = "screen"
	IconKeyboard    IconName = "keyboard"
	IconExit        IconName = "exit"
	IconUndo        IconName = "undo"
	IconEye         IconName = "eye"
	IconDiffer      IconName = "differ"
	IconTag         IconName = "tag"
	IconEmpty       IconName = "empty"
)

var iconPaths = map[IconName]string{
	IconToday:       `<rect x="2.5" y="3.5" width="11" height="10" rx="2"/><path d="M5.5 2v3M10.5 2v3M2.5 7h11M6 10.2l1.5 1.4 2.6-2.7"/>`,
	IconDeal:        `<path d="M2.5 5.5h11v7a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1zM5.5 5.5v-2a1 1 0 0 1 1-1h3a1 1 0 0 1 1 1v2M2.5 9h11"/>`,
	IconRegister:    `<path d="M9 2H4.5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1V5.5zM9 2v3.5h3.5M6 10l1.5 1.5L10.300 8.600"/>`,
	IconInbox:       `<path d="M2.500 9 4.300 3.700a1 1 0 0 1 1-.7h5.400a1 1 0 0 1 1 .7L13.500 9v3.500a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1zM2.500 9h3.200a2.300 2.300 0 0 0 4.600 0h3.200"/>`,
	IconPlug:        `<path d="M5.500 2v3.500M10.500 2v3.500M3.500 5.500h9V8a4.500 4.500 0 0 1-9 0zM8 12.500V14.500"/>`,
	IconJobs:        `<path d="M2.500 4h11M2.500 8h7M2.500 12h4.500M11 10.500l3 2-3 2z"/>`,
	IconSettings:    `<path d="M2 4.500h6M12 4.500h2M2 11.500h2M8 11.500h6"/><circle cx="10" cy="4.500" r="1.800"/><circle cx="6" cy="11.500" r="1.800"/>`,
	IconSearch:      `<circle cx="7" cy="7" r="4.500"/><path d="M10.500 10.500 14 14"/>`,
	IconMenu:        `<path d="M2.500 4.500h11M2.500 8h11M2.500 11.500h11"/>`,
	IconMore:        `<path d="M3.500 8h.01M8 8h.01M12.500 8h.01" stroke-width="2.200"/>`,
	IconPlus:        `<path d="M8 3v10M3 8h10"/>`,
	IconMinus:       `<path d="M3 8h10"/>`,
	IconClose:       `<path d="m4 4 8 8M12 4l-8 8"/>`,
	IconCheck:       `<path d="m3 8.500 3.300 3.300L13 4.800"/>`,
	IconCheckCircle: `<circle cx="8" cy="8" r="6"/><path d="m5.300 8.200 1.900 1.900 3.600-3.900"/>`,
	IconInfo:        `<circle cx="8" cy="8" r="6"/><path d="M8 7.300v3.700M8 5h.01"/>`,
	IconWarn:        `<path d="M8 2.300 14.200 13H1.800zM8 6.500v3M8 11.300h.01"/>`,
	IconStop:        `<path d="M5.500 2h5L14 5.500v5L10.500 14h-5L2 10.500v-5zM8 5v3.500M8 10.800h.01"/>`,
	IconDot:         `<circle cx="8" cy="8" r="2.500"/>`,
	IconUp:          `<path d="m4 10 4-4 4 4"/>`,
	IconDown:        `<path d="m4 6 4 4 4-4"/>`,
	IconLeft:        `<path d="m10 4-4 4 4 4"/>`,
	IconRight:       `<path d="m6 4 4 4-4 4"/>`,
	IconSort:        `<path d="m5 6.500 3-3 3 3M5 9.500l3 3 3-3"/>`,
	IconFilter:      `<path d="M2 4h12M4.500 8h7M6.500 12h3"/>`,
	IconColumns:     `<rect x="2" y="3" width="12" height="10" rx="1.500"/><path d="M6 3v10M10 3v10"/>`,
	IconBoard:       `<rect x="2" y="2.500" width="3.200" height="11" rx="1"/><rect x="6.400" y="2.500" width="3.200" height="7" rx="1"/><rect x="10.800" y="2.500" width="3.200" height="9" rx="1"/>`,
	IconList:        `<path d="M5.500 4h8.500M5.500 8h8.500M5.500 12h8.500M2.500 4h.01M2.500 8h.01M2.500 12h.01"/>`,
	IconCopy:        `<rect x="5.500" y="5.500" width="8" height="8" rx="1.500"/><path d="M10.500 5.500V4A1.500 1.500 0 0 0 9 2.500H4A1.500 1.500 0 0 0 2.500 4v5A1.500 1.500 0 0 0 4 10.500h1.500"/>`,
	IconLink:        `<path d="M6.800 9.200a2.500 2.500 0 0 0 3.600 0l2.300-2.300a2.500 2.500 0 0 0-3.600-3.600l-.9.9M9.200 6.800a2.500 2.500 0 0 0-3.600 0L3.300 9.100a2.500 2.500 0 0 0 3.600 3.600l.9-.9"/>`,
	IconExternal:    `<path d="M9 2.500h4.500V7M13.500 2.500 7.500 8.500M11.500 9.500V12a1.500 1.500 0 0 1-1.500 1.500H4A1.500 1.500 0 0 1 2.500 12V6A1.500 1.500 0 0 1 4 4.500h2.500"/>`,
	IconDownload:    `<path d="M8 2.500v7.500M4.800 7 8 10.200 11.200 7M2.500 13.500h11"/>`,
	IconUpload:      `<path d="M8 10V2.500M4.800 5.700 8 2.500l3.200 3.200M2.500 13.500h11"/>`,
	IconEdit:        `<path d="m10.500 3 2.500 2.500L6 12.500l-3.200.7.700-3.200zM9 4.500 11.500 7"/>`,
	IconTrash:       `<path d="M2.500 4.500h11M6 4.500v-2h4v2M4 4.500l.7 9h6.600l.7-9M6.800 7v4M9.200 7v4"/>`,
	IconLock:        `<rect x="3.500" y="7" width="9" height="6.500" rx="1.500"/><path d="M5.500 7V5a2.500 2.500 0 0 1 5 0v2"/>`,
	IconClock:       `<circle cx="8" cy="8" r="6"/><path d="M8 4.500V8l2.300 1.600"/>`,
	IconRefresh:     `<path d="M13.500 3v3.500H10M13.300 6.500A5.500 5.500 0 1 0 13.300 9.800"/>`,
	IconPerson:      `<circle cx="8" cy="5.300" r="2.800"/><path d="M2.800 13.700c.5-2.800 2.500-4.200 5.200-4.200s4.700 1.400 5.200 4.200"/>`,
	IconPeople:      `<circle cx="6" cy="5.500" r="2.500"/><path d="M1.500 13.500c.4-2.500 2-3.800 4.500-3.800s4.100 1.300 4.500 3.800M10.500 3.200a2.500 2.500 0 0 1 0 4.600M12 10c1.400.5 2.200 1.600 2.500 3.500"/>`,
	IconCloud:       `<path d="M4.800 12.500a3.300 3.300 0 0 1-.3-6.600 4 4 0 0 1 7.600.9 2.900 2.900 0 0 1-.4 5.700z"/>`,
	IconPortal:      `<rect x="2" y="3" width="12" height="10" rx="1.500"/><path d="M2 6h12M4.300 4.500h.01M6.300 4.500h.01"/>`,
	IconBolt:        `<path d="M9 1.800 3.500 9H8l-1 5.200L12.500 7H8z"/>`,
	IconSun:         `<circle cx="8" cy="8" r="2.800"/><path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M12.600 3.400l-.9.9M4.300 11.700l-.9.9"/>`,
	IconMoon:        `<path d="M13.500 9.500A5.800 5.800 0 0 1 6.500 2.500a5.800 5.800 0 1 0 7 7z"/>`,
	IconScreen:      `<rect x="2" y="2.500" width="12" height="8.500" rx="1.500"/><path d="M6 13.500h4M8 11v2.500"/>`,
	IconKeyboard:    `<rect x="1.500" y="4" width="13" height="8" rx="1.500"/><path d="M4 6.700h.01M6.700 6.700h.01M9.300 6.700h.01M12 6.700h.01M5 9.500h6"/>`,
	IconExit:        `<path d="M6.500 2.500h-3a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h3M10.500 5l3 3-3 3M13.500 8H6.500"/>`,
	IconUndo:        `<path d="M5.500 3 2.500 6l3 3M2.500 6h7a4 4 0 0 1 0 8H6"/>`,
	IconEye:         `<path d="M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8z"/><circle cx="8" cy="8" r="2"/>`,
	IconDiffer:      `<path d="M3 6h10M3 10h10M10.500 3l-5 10"/>`,
	IconTag:         `<path d="M2.500 3.500v4.600a1 1 0 0 0 .3.7l4.900 4.900a1 1 0 0 0 1.400 0l4.600-4.600a1 1 0 0 0 0-1.400L8.800 2.800a1 1 0 0 0-.7-.3H3.500a1 1 0 0 0-1 1zM5.600 5.600h.01"/>`,
	IconEmpty:       `<path d="M2.500 9.500 4.500 3.500h7l2 6v3a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1zM2.500 9.500h3.300a2.200 2.200 0 0 0 4.400 0h3.300"/>`,
}

// Icon draws one icon in the colour of the text around it, hidden from screen
// readers: the text beside it says the same.
type Icon struct {
	Name IconName
	// Large draws it at 20 pixels instead of 16.
	Large bool
}

// Render writes the SVG; nothing for a name that is not known.
func (i Icon) Render(_ context.Context, w io.Writer) error {
	path, ok := iconPaths[i.Name]
	if !ok {
		return nil
	}
	size := "16"
	if i.Large {
		size = "20"
	}
	_, err := io.WriteString(w, `<svg class="icon" width="`+size+`" height="`+size+`" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">`+path+`</svg>`)
	return err
}

// Icons lists the names of all icons, in no particular order.
func Icons() []IconName {
	names := make([]IconName, 0, len(iconPaths))
	for n := range iconPaths {
		names = append(names, n)
	}
	return names
}
