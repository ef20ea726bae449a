'use strict';
require('../application').application(3002, require('socket.io'));
